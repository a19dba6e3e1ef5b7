import type { StopReason } from '../commitment/header.ts';

const lossy = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * The reply that a provider signs, from the bytes that its output tokens spell: invalid UTF-8 becomes U+FFFD by the
 * WHATWG rules, and where a stop string ended the reply, it and all after it are cut.
 * @param bytes concatenated token bytes; special tokens spell nothing.
 */
export function renderReply(bytes: Uint8Array, stops: readonly string[], stopReason: StopReason): string {
  const text = lossy.decode(bytes);
  if (stopReason !== 'stop-string') return text;
  const cut = findStop(text, stops);
  return cut < 0 ? text : text.slice(0, cut);
}

/**
 * Whether a reply of these bytes ends where its stop string does: the last token completes the first one. The text is cut
 * there, so later tokens would be billed but never seen. A reply without its stop string had no reason to end.
 * @param lastLength bytes of the last output token.
 */
export function endsAtStop(bytes: Uint8Array, lastLength: number, stops: readonly string[]): boolean {
  const before = bytes.subarray(0, bytes.length - lastLength);
  return findStop(lossy.decode(bytes), stops) >= 0 && findStop(lossy.decode(before), stops) < 0;
}

/** Index of the earliest stop string in the text, or -1. */
export function findStop(text: string, stops: readonly string[]): number {
  let earliest = -1;
  for (const stop of stops) {
    const at = text.indexOf(stop);
    if (at >= 0 && (earliest < 0 || at < earliest)) earliest = at;
  }
  return earliest;
}
