/** Half of an opening mark, up to its attributes. */
const OPENING = '<recalled-memory';
const CLOSING = '</recalled-memory>';
const ATTRIBUTES = /^(?: id="[0-9a-f]{32}")?>/;
/** Characters behind `OPENING` that its attributes may have. */
const MAX_ATTRIBUTES = 48;

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/**
 * Wraps a text that this service gives out, so that it is known again in later messages (docs/spec/memory.md#recalled-text).
 * @param id of the memory; undefined for a bio or a profile.
 */
export function markRecalled(text: string, id?: string): string {
  const attributes = id === undefined ? '' : ` id="${id}"`;
  return `${OPENING}${attributes}>${text.replace(/[&<>]/g, (character) => ESCAPES[character] as string)}${CLOSING}`;
}

/**
 * Removes recalled texts from a message.
 * @returns the parts between them, in order. A mark without an end removes the rest of the message. A mark of another form is text.
 */
export function removeRecalled(message: string): readonly string[] {
  const parts: string[] = [];
  let [from, at] = [0, 0];
  for (;;) {
    const opening = message.indexOf(OPENING, at);
    if (opening < 0) return [...parts, message.slice(from)].filter((part) => part !== '');
    const attributes = opening + OPENING.length;
    at = attributes;
    if (!ATTRIBUTES.test(message.slice(attributes, attributes + MAX_ATTRIBUTES))) continue;
    parts.push(message.slice(from, opening));
    const closing = message.indexOf(CLOSING, attributes);
    if (closing < 0) return parts.filter((part) => part !== '');
    from = closing + CLOSING.length;
    at = from;
  }
}
