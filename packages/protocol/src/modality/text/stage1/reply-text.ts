import { equalBytes } from '../../../base/bytes.ts';
import type { StopReason } from '../commitment/header.ts';
import { findGrammar } from '../grammar/known-grammars.ts';
import { matchText } from '../grammar/machine.ts';

const lossy = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Renders the reply that a provider signs from the bytes of its output tokens. Invalid UTF-8 becomes U+FFFD by the WHATWG
 * rules. If a stop string ended the reply, the text is cut before it.
 * @param bytes concatenated token bytes; special tokens spell nothing.
 */
export function renderReply(bytes: Uint8Array, stops: readonly string[], stopReason: StopReason): string {
  const text = lossy.decode(bytes);
  if (stopReason !== 'stop-string') return text;
  const cut = findStop(text, stops);
  return cut < 0 ? text : text.slice(0, cut);
}

/**
 * Returns whether a reply of these bytes ends at its stop string: the last token completes the first one. The text is cut
 * there, so later tokens would be billed but never seen. A reply without its stop string had no reason to end.
 * @param lastLength bytes of the last output token.
 */
export function endsAtStop(bytes: Uint8Array, lastLength: number, stops: readonly string[]): boolean {
  const before = bytes.subarray(0, bytes.length - lastLength);
  return findStop(lossy.decode(bytes), stops) >= 0 && findStop(lossy.decode(before), stops) < 0;
}

const CUT_CHARACTER = Uint8Array.of(0xef, 0xbf, 0xbd);

/**
 * Returns whether a reply's text matches its grammar: a complete text if the model ended it, else the beginning of one. A text
 * that was cut within a character ends with U+FFFD.
 */
export function keepsGrammar(text: Uint8Array, grammar: string, stopReason: StopReason): boolean {
  const compiled = findGrammar(grammar);
  const match = matchText(compiled, text);
  if (stopReason === 'stop-token') return match === 'whole';
  if (match !== 'forbidden') return true;
  const cut = text.length - CUT_CHARACTER.length;
  const isCut = cut >= 0 && equalBytes(text.subarray(cut), CUT_CHARACTER);
  return isCut && matchText(compiled, text.subarray(0, cut)) !== 'forbidden';
}

/** Finds the index of the earliest stop string in the text, or -1. */
export function findStop(text: string, stops: readonly string[]): number {
  let earliest = -1;
  for (const stop of stops) {
    const at = text.indexOf(stop);
    if (at >= 0 && (earliest < 0 || at < earliest)) earliest = at;
  }
  return earliest;
}
