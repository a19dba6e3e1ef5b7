import { SaxesParser } from 'saxes';
import { EvidenceError } from './evidence-error.ts';

/**
 * An element of an XML document. Signed manifests need elements, attributes and text. The parser refuses comments, CDATA sections,
 * processing instructions and document types.
 */
export interface XmlElement {
  /** The qualified name, with its prefix as the document spells it. */
  readonly name: string;
  /** Attributes in document order, without namespace declarations. */
  readonly attributes: readonly { readonly name: string; readonly value: string }[];
  /** Namespaces that this element declares, by prefix; the empty prefix is the default namespace. */
  readonly declared: ReadonlyMap<string, string>;
  readonly children: readonly (XmlElement | string)[];
}

interface OpenElement extends XmlElement {
  readonly children: (XmlElement | string)[];
}

const MAX_DEPTH = 16;
const MAX_ELEMENTS = 1_024;
/** Of one element. A measurement of a manifest has at most 255 alternatives, each in an attribute of its own. */
const MAX_ATTRIBUTES = 320;
/** Declarations of the whole document. The manifests of the vendor have six. A scope holds no more than these. */
const MAX_NAMESPACES = 64;

/**
 * Parses an XML document. Work and memory are linear in the length of the text. Depth, elements, attributes of an element and
 * namespace declarations are bounded.
 * @throws EvidenceError
 */
export function parsePlainXml(text: string): XmlElement {
  const fail = (reason: string): EvidenceError => new EvidenceError(`the manifest is no plain XML: ${reason}`);
  const refuse = (kind: string) => () => {
    throw fail(`it has a ${kind}`);
  };
  const open: OpenElement[] = [];
  let root: XmlElement | undefined;
  let count = 0;
  let attributeCount = 0;
  let namespaceCount = 0;
  const parser = new SaxesParser();
  parser.on('comment', refuse('comment'));
  parser.on('cdata', refuse('CDATA section'));
  parser.on('processinginstruction', refuse('processing instruction'));
  parser.on('doctype', refuse('document type'));
  parser.on('attribute', () => {
    if (++attributeCount > MAX_ATTRIBUTES) throw fail('an element has too many attributes');
  });
  parser.on('opentag', ({ name, attributes: all }) => {
    attributeCount = 0;
    if (open.length > MAX_DEPTH || ++count > MAX_ELEMENTS) throw fail('it is too large');
    const attributes: { name: string; value: string }[] = [];
    const declared = new Map<string, string>();
    for (const [key, value] of Object.entries(all)) {
      if (key === 'xmlns') declared.set('', value);
      else if (key.startsWith('xmlns:')) declared.set(key.slice(6), value);
      else if (key.startsWith('xml:')) throw fail(`the attribute ${key} is not supported`);
      else attributes.push({ name: key, value });
    }
    namespaceCount += declared.size;
    if (namespaceCount > MAX_NAMESPACES) throw fail('it declares too many namespaces');
    const element: OpenElement = { name, attributes, declared, children: [] };
    open.at(-1)?.children.push(element);
    root ??= element;
    open.push(element);
  });
  parser.on('closetag', () => void open.pop());
  parser.on('text', (piece) => void open.at(-1)?.children.push(piece));
  try {
    parser.write(text).close();
  } catch (error) {
    if (error instanceof EvidenceError) throw error;
    throw fail((error as Error).message);
  }
  if (root === undefined) throw fail('it has no element');
  return root;
}

/** Returns the namespaces inside an element. An element that declares none shares the scope around it. */
const extend = (scope: ReadonlyMap<string, string>, { declared }: XmlElement): ReadonlyMap<string, string> =>
  declared.size === 0 ? scope : new Map([...scope, ...declared]);

const prefixOf = (name: string): string => (name.includes(':') ? name.slice(0, name.indexOf(':')) : '');
const localOf = (name: string): string => name.slice(name.indexOf(':') + 1);
const byCode = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The escapes of Canonical XML 1.1, section 2.3. */
const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#x9;',
  '\n': '&#xA;',
  '\r': '&#xD;',
};
const escapeText = (text: string): string => text.replace(/[&<>\r]/g, (mark) => ESCAPES[mark] as string);
const escapeAttribute = (value: string): string => value.replace(/[&<"\t\n\r]/g, (mark) => ESCAPES[mark] as string);

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
  const inside = extend(scope, element);
  const fresh = inside === rendered ? [] : [...inside].filter(([prefix, uri]) => (rendered.get(prefix) ?? '') !== uri);
  const spaces = fresh
    .sort(([a], [b]) => byCode(a, b))
    .map(([prefix, uri]) => ` xmlns${prefix === '' ? '' : `:${prefix}`}="${escapeAttribute(uri)}"`);
  const namespaceOf = (name: string): string => (prefixOf(name) === '' ? '' : (inside.get(prefixOf(name)) ?? ''));
  const attributes = [...element.attributes]
    .sort((a, b) => byCode(namespaceOf(a.name), namespaceOf(b.name)) || byCode(localOf(a.name), localOf(b.name)))
    .map(({ name, value }) => ` ${name}="${escapeAttribute(value)}"`);
  const children = element.children.map((child) => {
    if (typeof child === 'string') return escapeText(child);
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
  const inside = extend(scope, root);
  const isIt = localOf(root.name) === local && (inside.get(prefixOf(root.name)) ?? '') === namespace;
  const below = root.children.flatMap((child) =>
    typeof child === 'string' ? [] : findElements(child, namespace, local, inside),
  );
  return isIt ? [{ element: root, scope }, ...below] : below;
}

/** Of an attribute in a namespace, or in none. */
export function readAttribute({ element, scope }: FoundElement, local: string, namespace = ''): string | undefined {
  const inside = extend(scope, element);
  return element.attributes.find(
    ({ name }) =>
      localOf(name) === local && (prefixOf(name) === '' ? '' : (inside.get(prefixOf(name)) ?? '')) === namespace,
  )?.value;
}

export const textOf = ({ children }: XmlElement): string =>
  children.map((child) => (typeof child === 'string' ? child : textOf(child))).join('');
