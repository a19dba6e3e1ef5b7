import { EvidenceError } from './evidence-error.ts';

/**
 * The part of XML that manifests of measurements are written in: elements, attributes and text. Everything else is refused: entities,
 * comments, sections, processing instructions and types. So are texts that canonical form would change: references, and line breaks in attributes.
 */
export interface XmlElement {
  /** As it is written, with its prefix. */
  readonly name: string;
  /** Without those that declare namespaces. */
  readonly attributes: readonly { readonly name: string; readonly value: string }[];
  /** Declared here, by prefix; `` is the default. */
  readonly declared: ReadonlyMap<string, string>;
  readonly children: readonly (XmlElement | string)[];
}

const MAX_DEPTH = 16;
const MAX_ELEMENTS = 1_024;
const NAME = /[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?/y;
const ATTRIBUTE = /\s+([A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?)="([^"<&\t\n\r]*)"/y;

/** @throws EvidenceError */
export function parsePlainXml(text: string): XmlElement {
  let [at, count] = [0, 0];
  const fail = (what: string): EvidenceError => new EvidenceError(`the manifest is no plain XML: ${what}`);
  const match = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text) ?? undefined;
    if (found !== undefined) at = pattern.lastIndex;
    return found;
  };
  const take = (word: string): void => {
    if (!text.startsWith(word, at)) throw fail(`${word} is expected`);
    at += word.length;
  };

  function readElement(depth: number): XmlElement {
    if (depth > MAX_DEPTH || ++count > MAX_ELEMENTS) throw fail('it is too large');
    take('<');
    const name = match(NAME)?.[0];
    if (name === undefined) throw fail('a name is expected');
    const attributes: { name: string; value: string }[] = [];
    const declared = new Map<string, string>();
    const seen = new Set<string>();
    for (let found = match(ATTRIBUTE); found !== undefined; found = match(ATTRIBUTE)) {
      const [, key = '', value = ''] = found;
      if (seen.has(key)) throw fail(`${key} is there twice`);
      seen.add(key);
      if (key === 'xmlns') declared.set('', value);
      else if (key.startsWith('xmlns:')) declared.set(key.slice(6), value);
      else if (key.startsWith('xml:')) throw fail(`${key} is not known`);
      else attributes.push({ name: key, value });
    }
    match(/\s*/y);
    if (text.startsWith('/>', at)) {
      at += 2;
      return { name, attributes, declared, children: [] };
    }
    take('>');
    const children: (XmlElement | string)[] = [];
    for (;;) {
      const piece = match(/[^<&\r]+/y)?.[0];
      if (piece !== undefined) children.push(piece);
      if (text.startsWith('</', at)) break;
      children.push(readElement(depth + 1));
    }
    take(`</${name}`);
    match(/\s*/y);
    take('>');
    return { name, attributes, declared, children };
  }

  match(/\s*/y);
  const root = readElement(0);
  match(/\s*/y);
  if (at !== text.length) throw fail('something follows its end');
  return root;
}

const prefixOf = (name: string): string => (name.includes(':') ? name.slice(0, name.indexOf(':')) : '');
const localOf = (name: string): string => name.slice(name.indexOf(':') + 1);
const byCode = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Canonical XML 1.1 (W3C, inclusive) of an element.
 * @param options.scope namespaces that hold around it. `without` is left out, as an enveloped signature is.
 */
export function canonicalize(
  element: XmlElement,
  { scope = new Map(), without }: { readonly scope?: ReadonlyMap<string, string>; readonly without?: XmlElement } = {},
): string {
  return write(element, scope, new Map(), without);
}

function write(
  element: XmlElement,
  scope: ReadonlyMap<string, string>,
  rendered: ReadonlyMap<string, string>,
  without: XmlElement | undefined,
): string {
  const inside = new Map([...scope, ...element.declared]);
  const fresh = [...inside].filter(([prefix, uri]) => (rendered.get(prefix) ?? '') !== uri);
  const spaces = fresh
    .sort(([a], [b]) => byCode(a, b))
    .map(([prefix, uri]) => ` xmlns${prefix === '' ? '' : `:${prefix}`}="${uri}"`);
  const namespaceOf = (name: string): string => (prefixOf(name) === '' ? '' : (inside.get(prefixOf(name)) ?? ''));
  const attributes = [...element.attributes]
    .sort((a, b) => byCode(namespaceOf(a.name), namespaceOf(b.name)) || byCode(localOf(a.name), localOf(b.name)))
    .map(({ name, value }) => ` ${name}="${value}"`);
  const children = element.children.map((child) => {
    if (typeof child === 'string') return child.replaceAll('>', '&gt;');
    return child === without ? '' : write(child, inside, inside, without);
  });
  return `<${element.name}${spaces.join('')}${attributes.join('')}>${children.join('')}</${element.name}>`;
}

/** Where an element stands: itself, and the namespaces around it. */
export interface FoundElement {
  readonly element: XmlElement;
  readonly scope: ReadonlyMap<string, string>;
}

/** Elements of a name in a namespace, in the order of the document. */
export function findElements(
  root: XmlElement,
  namespace: string,
  local: string,
  scope: ReadonlyMap<string, string> = new Map(),
): FoundElement[] {
  const inside = new Map([...scope, ...root.declared]);
  const isIt = localOf(root.name) === local && (inside.get(prefixOf(root.name)) ?? '') === namespace;
  const below = root.children.flatMap((child) =>
    typeof child === 'string' ? [] : findElements(child, namespace, local, inside),
  );
  return isIt ? [{ element: root, scope }, ...below] : below;
}

/** Of an attribute in a namespace, or in none. */
export function readAttribute({ element, scope }: FoundElement, local: string, namespace = ''): string | undefined {
  const inside = new Map([...scope, ...element.declared]);
  return element.attributes.find(
    ({ name }) =>
      localOf(name) === local && (prefixOf(name) === '' ? '' : (inside.get(prefixOf(name)) ?? '')) === namespace,
  )?.value;
}

export const textOf = ({ children }: XmlElement): string =>
  children.map((child) => (typeof child === 'string' ? child : textOf(child))).join('');
