"""Bytes of a file in, text or small pictures out. The files may be hostile: a child process reads them.

In Parley's process:

    extractor   starts a child for each file, bounds its time and its output
    names       file names for prompts and sentences          pure

In the child, one file each:

    child       reads the file from stdin, writes the reply to stdout
    sandbox     limits on memory, time, files and sockets
    pictures    pictures -> small JPEG or PNG (Pillow)
    pdf         PDF -> its text, or pictures of its pages (pypdfium2)
    documents   docx and pptx -> their paragraphs
    workbook    xlsx -> rows of its sheets
    └ archive   the XML inside an office file

In both:

    kinds       the kind of a file by its first bytes         pure
    plain_text  bytes of text in any usual encoding -> str    pure
    excerpt     a long text -> its beginning and its end      pure
    replies     the reply of a child as bytes                 pure
"""
