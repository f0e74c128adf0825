// Types of what the server sends and of what the page keeps of it, for the type checker alone. See `outgoing.py`.

interface ButtonView { action: string; label: string; turn_id: number }
/** `kind`: file, quote, text or unread. `picture` is the address of a small copy, `problem` why a file was not read. */
interface AttachedView {
  kind: string; name: string; text: string; size: number; picture: string; problem: string;
}
interface SourceLink { number: number; title: string; date: string; asker: string; old: boolean; thread: string }
interface Sources { head: string; links: SourceLink[] }
interface View {
  id: string; mine: boolean; text: string; html?: string[];
  notice?: string; after?: string; at?: string; buttons?: ButtonView[]; anew?: boolean;
  attached?: AttachedView[]; sources?: Sources | null;
}
interface Message {
  view: View; article: HTMLElement; attached: HTMLElement; body: HTMLElement; notice: HTMLElement; buttons: HTMLElement;
  sources: HTMLElement;
  growing: boolean; pending: boolean; receipted: boolean;
}
interface Thinking { ms: number; turn_id?: number }
interface ThreadView { id: string; title: string; at: string }
interface Suggestion { label: string; text: string; about: string }

interface Choice { value: string; label: string }
interface Field { name: string; label: string; hint: string; kind: string; value: string; choices: Choice[] }
interface Form { command: string; title: string; send: string; fixed: Record<string, string>; fields: Field[] }
interface FileView { name: string; type: string; base64: string }
interface Told {
  text: string; html: string[]; whisper: boolean; buttons: ButtonView[];
  file?: FileView; picture?: FileView; form?: Form; refused?: boolean; sources?: Sources | null;
}
/** `told` is the immediate reply, if any. `asked`: the message is a question of its `thread` now. `taken`: it is not to
 * be sent again, because it was asked or because it was a command. */
interface Outcome { told?: Told; thread: string; id: string; taken?: boolean; asked?: boolean; again?: boolean }
