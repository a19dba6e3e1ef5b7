/** A string of a body that stands where an API has a picture or another file. */
export interface MediaPlace {
  /** Name for errors, such as `messages[0].content[1].image_url.url`. */
  readonly param: string;
  readonly value: string;
  /** Whether the API has bare base64 here, and no data URL. */
  readonly isBare: boolean;
  /** Range of the JSON string in the body's text, with its quotes. */
  readonly start: number;
  readonly end: number;
}

/**
 * Every place of a picture in a body, by its path; `*` is any item of a list. A new kind of file is a line here. The places are
 * listed, because a search by key alone would also find the examples in the JSON schema of a tool.
 */
const PLACES: readonly (readonly [path: string, form: 'url' | 'bare'])[] = [
  // OpenAI's chats. Some clients leave out the object around the URL.
  ['messages.*.content.*.image_url.url', 'url'],
  ['messages.*.content.*.image_url', 'url'],
  // OpenAI's responses: a message, and the output of a call.
  ['input.*.content.*.image_url', 'url'],
  ['input.*.output.*.image_url', 'url'],
  // Anthropic's messages: a message, and the result of a call.
  ['messages.*.content.*.source.data', 'bare'],
  ['messages.*.content.*.source.url', 'url'],
  ['messages.*.content.*.content.*.source.data', 'bare'],
  ['messages.*.content.*.content.*.source.url', 'url'],
  // Ollama's chats and prompts.
  ['messages.*.images.*', 'bare'],
  ['images.*', 'bare'],
  // Edits of pictures, in the forms of several servers.
  ['image', 'url'],
  ['image.*', 'url'],
  ['image.image_url', 'url'],
  ['images.*.image_url', 'url'],
  ['mask', 'url'],
  ['mask.image_url', 'url'],
  // A link of a chain: the latent that it begins with.
  ['latent', 'url'],
];

interface PlaceNode {
  readonly children: Map<string, PlaceNode>;
  form: 'url' | 'bare' | undefined;
}

const createNode = (): PlaceNode => ({ children: new Map(), form: undefined });
const ROOT = createNode();
for (const [path, form] of PLACES) {
  let node = ROOT;
  for (const key of path.split('.')) {
    const child = node.children.get(key) ?? createNode();
    node.children.set(key, child);
    node = child;
  }
  node.form = form;
}

/** A text without one of these has no place, so it is not scanned. */
const HINT = /"(?:image_url|source|images?|mask|latent)"/;

/**
 * Finds the strings at all places of media, in their order in the text. The text is scanned and not parsed, so that a reader can
 * replace a string and leave every other byte as it is.
 * @returns nothing if the text is no JSON; a parser refuses it later.
 */
export function findMediaPlaces(text: string): readonly MediaPlace[] {
  if (!HINT.test(text)) return [];
  const found: MediaPlace[] = [];
  try {
    scanValue({ text, found }, skipSpace(text, 0), ROOT, '');
    return found;
  } catch (error) {
    if (error instanceof ScanError) return [];
    throw error;
  }
}

/** The text is no JSON. */
class ScanError extends Error {}

interface Scan {
  readonly text: string;
  readonly found: MediaPlace[];
}

const SPACE = /[ \t\n\r]*/y;
const SCALAR = /[^",:{}[\] \t\n\r]+/y;
const MARK = /["{}[\]]/g;

function skipSpace(text: string, at: number): number {
  SPACE.lastIndex = at;
  SPACE.test(text);
  return SPACE.lastIndex;
}

/** @returns the position behind the value that begins at `at`. */
function scanValue(scan: Scan, at: number, node: PlaceNode | undefined, param: string): number {
  const { text } = scan;
  const first = text[at];
  if (first === '"') {
    const end = endString(text, at);
    if (node?.form !== undefined) {
      const value = readString(text, at, end);
      scan.found.push({ param, value, isBare: node.form === 'bare', start: at, end });
    }
    return end;
  }
  if (first === '{') return node === undefined ? skipNested(text, at) : scanObject(scan, at, node, param);
  if (first === '[') return node === undefined ? skipNested(text, at) : scanList(scan, at, node, param);
  SCALAR.lastIndex = at;
  if (!SCALAR.test(text)) throw new ScanError();
  return SCALAR.lastIndex;
}

function scanObject(scan: Scan, start: number, node: PlaceNode, param: string): number {
  const { text, found } = scan;
  const before = found.length;
  let type: string | undefined;
  let at = skipSpace(text, start + 1);
  while (text[at] !== '}') {
    if (text[at] !== '"') throw new ScanError();
    const keyEnd = endString(text, at);
    const key = readString(text, at, keyEnd);
    at = skipSpace(text, keyEnd);
    if (text[at] !== ':') throw new ScanError();
    const valueAt = skipSpace(text, at + 1);
    at = scanValue(scan, valueAt, node.children.get(key), param === '' ? key : `${param}.${key}`);
    if (key === 'type' && text[valueAt] === '"') type = readString(text, valueAt, at);
    at = skipComma(text, at, '}');
  }
  // Anthropic's sources name their form. One of plain text has its text in the same field.
  const isOtherSource = param.endsWith('.source') && type !== undefined && type !== 'base64' && type !== 'url';
  if (isOtherSource) found.length = before;
  return at + 1;
}

function scanList(scan: Scan, start: number, node: PlaceNode, param: string): number {
  const { text } = scan;
  const child = node.children.get('*');
  let at = skipSpace(text, start + 1);
  for (let i = 0; text[at] !== ']'; i++) {
    at = scanValue(scan, at, child, `${param}[${i}]`);
    at = skipComma(text, at, ']');
  }
  return at + 1;
}

function skipComma(text: string, end: number, closing: string): number {
  const at = skipSpace(text, end);
  if (text[at] === closing) return at;
  if (text[at] !== ',') throw new ScanError();
  return skipSpace(text, at + 1);
}

/** Skips a list or an object without a recursion: a stranger decides how deep it is. */
function skipNested(text: string, start: number): number {
  let depth = 0;
  let at = start;
  for (;;) {
    MARK.lastIndex = at;
    const mark = MARK.exec(text);
    if (mark === null) throw new ScanError();
    if (mark[0] === '"') at = endString(text, mark.index);
    else {
      at = mark.index + 1;
      depth += mark[0] === '{' || mark[0] === '[' ? 1 : -1;
      if (depth === 0) return at;
    }
  }
}

/** @returns the position behind the closing quote. */
function endString(text: string, start: number): number {
  for (let from = start + 1; ; ) {
    const quote = text.indexOf('"', from);
    if (quote < 0) throw new ScanError();
    let escapes = 0;
    while (text[quote - 1 - escapes] === '\\') escapes++;
    if (escapes % 2 === 0) return quote + 1;
    from = quote + 1;
  }
}

function readString(text: string, start: number, end: number): string {
  const plain = text.slice(start + 1, end - 1);
  if (!plain.includes('\\')) return plain;
  try {
    return JSON.parse(text.slice(start, end)) as string;
  } catch {
    throw new ScanError();
  }
}
