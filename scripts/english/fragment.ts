/** The kind decides the length limit and the exceptions that apply. */
export type FragmentKind = 'comment' | 'message' | 'test' | 'doc' | 'heading' | 'commit';

/** A piece of prose: one comment, one message, one paragraph or one table cell. */
export interface Fragment {
  readonly kind: FragmentKind;
  /** Line of the first character, counted from 1. */
  readonly line: number;
  /** Prose with its line breaks. Code stands in backticks; `BREAK` ends a sentence. */
  readonly text: string;
}

/** Ends a sentence without punctuation: a list item, a tag of a doc comment, an escaped line break. */
export const BREAK = '\u2029';

/** Stands for one character of code, of a quotation, of a link or of an inserted value. */
export const MASK = '\ue000';

const MASKED = /``[^`]+``|`[^`]*`|"[^"]{1,300}"|“[^”]{1,300}”|\{@\w+[^}]*\}|https?:\/\/[^\s)>]+/g;

/** Replaces code, quotations and links with masks of the same length. */
export function maskQuotations(text: string): string {
  return text.replace(MASKED, (match) => MASK.repeat(match.length));
}
