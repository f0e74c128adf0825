"""The program under hostile answers for a long time: does it keep turning, and does its memory stay?"""
