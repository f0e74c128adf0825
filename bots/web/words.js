// The page's own words. Parley's come from the server, in the same language: both follow what the browser asks for.

const WORDS = {
  en: {
    new: "New thread", threads: "Threads", untitled: "Untitled", board: "Notices", conversation: "Conversation",
    greeting: "What would you like to know?",
    promise: "The answer grows here, in a thread of its own that you can come back to.",
    label: "Your message", send: "Send",
    hint: "Enter sends, Shift + Enter starts a new line, / lists the commands.",
    thinking: "Thinking", stop: "Stop", latest: "↓ Latest", you: "You", parley: "Parley",
    copy: "Copy", copied: "Copied", lost: "The connection is lost. Trying to get it back.",
    unsent: "This could not be sent: Parley can't be reached. Your words are still in the box.",
    failed: "That did not work: Parley can't be reached. Try again in a moment.",
    missing: "There is no such thread. Start a new one below.",
    unlisted: "The list of threads can't be read just now.",
    commands: "Commands", settings: "Settings", usage: "Usage", help: "Help", change: "Change settings",
    more: "More", ask: "Ask about this", summarize: "Summarize from here",
    question: "Your question", meaning: "What does this mean?",
    up: "Good answer", down: "Bad answer",
    scope: "For", channel: "This channel", workspace: "The whole workspace",
    cancel: "Cancel", close: "Close",
    offered: (n) => (n === 1 ? "1 suggestion" : `${n} suggestions`),
  },
  zh: {
    new: "新话题", threads: "话题", untitled: "无标题", board: "公告", conversation: "对话",
    greeting: "想了解什么？",
    promise: "回答会在这里逐字出现。每个话题都会保留，随时可以回来继续。",
    label: "你的消息", send: "发送",
    hint: "按 Enter 发送，按 Shift + Enter 换行，输入 / 查看命令。",
    thinking: "正在思考", stop: "停止", latest: "↓ 最新", you: "你", parley: "Parley",
    copy: "复制", copied: "已复制", lost: "连接已断开，正在重新连接。",
    unsent: "没能发送：连不上 Parley。你写的内容还在输入框里。",
    failed: "没能完成：连不上 Parley。请稍后再试。",
    missing: "没有这个话题。可以在下方新开一个。",
    unlisted: "暂时读不到话题列表。",
    commands: "命令", settings: "设置", usage: "用量", help: "帮助", change: "修改设置",
    more: "更多", ask: "就此提问", summarize: "从这里开始总结",
    question: "你的问题", meaning: "这是什么意思？",
    up: "回答得好", down: "回答得不好",
    scope: "适用于", channel: "这个频道", workspace: "整个工作区",
    cancel: "取消", close: "关闭",
    offered: (n) => `${n} 条建议`,
  },
};

export const LOCALE = navigator.languages.find((tag) => /^(en|zh)\b/i.test(tag)) ?? "en";
export const LANGUAGE = LOCALE.slice(0, 2).toLowerCase();
export const SAY = WORDS[LANGUAGE];
