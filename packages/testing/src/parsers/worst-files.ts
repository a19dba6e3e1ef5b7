/** Certificates in DER: nests, long names, long numbers, many parts. */
export function worstDer(size: number): Uint8Array[] {
  const wrap = (tag: number, content: Uint8Array): Uint8Array => {
    const { length } = content;
    const head =
      length < 128
        ? [tag, length]
        : [tag, 0x84, length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255];
    const bytes = new Uint8Array(head.length + length);
    bytes.set(head);
    bytes.set(content, head.length);
    return bytes;
  };
  const filled = (fill: number): Uint8Array => new Uint8Array(size).fill(fill);
  const repeated = (piece: readonly number[]): Uint8Array =>
    Uint8Array.from({ length: size - (size % piece.length) }, (_, i) => piece[i % piece.length] as number);
  // The content of each level is the rest, so a nest of definite lengths costs six bytes a level; of indefinite lengths two.
  let deep = new Uint8Array();
  for (let level = 0; level < Math.min(size / 6, 2_000); level++) deep = new Uint8Array(wrap(0x30, deep));
  return [
    filled(0x30),
    filled(0),
    filled(0xff),
    deep,
    repeated([0x30, 0x80]),
    wrap(0x30, repeated([0x05, 0x00])),
    wrap(0x30, repeated([0x30, 0x00])),
    wrap(0x30, repeated([0x06, 0x01, 0x2a])),
    wrap(0x30, repeated([0x02, 0x01, 0x01])),
    wrap(0x30, repeated([0x0c, 0x01, 0x61])),
    wrap(0x06, filled(0xff)),
    wrap(0x30, wrap(0x06, filled(0x81))),
    wrap(0x30, wrap(0x02, filled(0x7f))),
    wrap(0x30, wrap(0x30, wrap(0x03, filled(0)))),
    wrap(0x30, wrap(0x30, wrap(0x31, repeated([0x30, 0x00])))),
  ];
}

const SWID = 'http://standards.iso.org/iso/19770/-2/2015/schema.xsd';
const SHA384 = 'http://www.w3.org/2001/04/xmlenc#sha384';
const DSIG = 'http://www.w3.org/2000/09/xmldsig#';

/** XML manifests of a GPU's vendor with a signature, so that the reader goes as far as it does without the vendor's key. */
export function worstManifests(size: number): string[] {
  const more = 'http://www.w3.org/2001/04/xmldsig-more#';
  const info = `<ds:SignedInfo><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2006/12/xml-c14n11"/><ds:SignatureMethod Algorithm="${more}ecdsa-sha384"/><ds:Reference URI=""><ds:Transforms><ds:Transform Algorithm="${DSIG}enveloped-signature"/><ds:Transform Algorithm="http://www.w3.org/2006/12/xml-c14n11"/></ds:Transforms><ds:DigestMethod Algorithm="${more}sha384"/><ds:DigestValue>AAAA</ds:DigestValue></ds:Reference></ds:SignedInfo>`;
  const sign = (head: string, body: string): string =>
    `<SoftwareIdentity xmlns="${SWID}" xmlns:h="${SHA384}"${head}><Meta colloquialVersion="1"/><Resource type="Measurement" index="0" active="True" alternatives="1" h:Hash0="00"/>${body}<ds:Signature xmlns:ds="${DSIG}">${info}<ds:SignatureValue>AAAA</ds:SignatureValue></ds:Signature></SoftwareIdentity>`;
  const list = (each: number, write: (i: number) => string): string =>
    Array.from({ length: Math.max(1, Math.floor(size / each)) }, (_, i) => write(i)).join('');
  const namespaces = (count: number): string => Array.from({ length: count }, (_, i) => ` xmlns:n${i}="u"`).join('');
  const nest = (open: string, close: string, depth: number): string => `${open.repeat(depth)}${close.repeat(depth)}`;
  return [
    sign(
      list(14, (i) => ` xmlns:n${i}="u"`),
      '<a/>'.repeat(900),
    ),
    sign(namespaces(40), '<a/>'.repeat(900)),
    sign('', '<a xmlns:z="1"/>'.repeat(Math.min(900, Math.ceil(size / 16)))),
    sign(namespaces(40), nest('<a xmlns:z="1">', '</a>', 12).repeat(Math.min(60, Math.ceil(size / 400)))),
    sign(
      '',
      list(4, () => '<a/>'),
    ),
    sign('', nest('<a>', '</a>', Math.floor(size / 7))),
    sign('', `<a ${list(9, (i) => `a${i}="" `)}/>`),
    sign(
      '',
      `<a ${Array.from({ length: 300 }, (_, i) => `a${i}=""`).join(' ')}/>`.repeat(
        Math.max(1, Math.floor(size / 2_800)),
      ),
    ),
    sign('', `<a>${list(5, () => '&amp;')}</a>`),
    sign('', `<a>${'\r\n&lt;'.repeat(Math.floor(size / 6))}</a>`),
    sign('', `<${'a:'.repeat(Math.floor(size / 2))}a/>`),
    sign('', `<a b="${'&#10;'.repeat(Math.floor(size / 5))}"/>`),
    `<a>${'<!-- -->'.repeat(Math.floor(size / 8))}</a>`,
    `<!DOCTYPE a [${'<!ENTITY x "&x;">'.repeat(Math.floor(size / 18))}]><a>&x;</a>`,
    '<a>'.repeat(Math.floor(size / 3)),
    '<'.repeat(size),
    '&'.repeat(size),
  ];
}

/** Chat templates that are small and cost much. */
export function worstTemplates(size: number): string[] {
  const repeated = (piece: string): string => piece.repeat(Math.max(1, Math.floor(size / piece.length)));
  const grow = (start: string, operator: string, times: number): string =>
    `{% set ns = namespace(x=${start}) %}{% for i in range(${times}) %}{% set ns.x = ns.x ${operator} ns.x %}{% endfor %}`;
  const loops = 5;
  return [
    `${'{% for a in range(999) %}'.repeat(loops)}${'{% endfor %}'.repeat(loops)}`,
    `${grow('"aaaa"', '~', 60)}{{ ns.x }}`,
    `${grow('["a"]', '+', 60)}{{ ns.x }}`,
    `${grow('"aaaa"', '~', 16)}{{ ns.x.replace("a", ns.x) | length }}`,
    `${grow('"aaaa"', '~', 14)}{% set f = namespace(x=[ns.x]) %}{% for i in range(16) %}{% set f.x = f.x + f.x %}{% endfor %}{{ f.x | sort | tojson }}`,
    '{% set ns = namespace(x=["a"]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}',
    '{% macro f(n) %}{{ f(n) ~ f(n) }}{% endmacro %}{{ f(1) }}',
    '{{ range(1000000000) | length }}',
    '{{ "a\\nb" | indent(1000000000) }}',
    ...[
      '{{ x }}',
      '{% if x %}{% endif %}',
      '{#a#}',
      ' ',
      '\n',
      '{% generation %}',
      '{{ "a" ~ ',
      '{% if 1 %}',
      '{% macro f() %}',
      '{%',
      '{#',
      '(',
      '"',
    ].map(repeated),
    `{{ ${repeated('(')} }}`,
    `{{ ${repeated('1 + ')} 1 }}`,
    `{{ ${repeated('not ')} 1 }}`,
    `{{ ${repeated('-')} 1 }}`,
    `{% for i in range(99999) %}{% macro f() %}${repeated('{{ x }}')}{% endmacro %}{% endfor %}`,
  ];
}

/** Headers of model files: arrays of bytes, many entries, long names, large counts. */
export function worstGguf(size: number): Uint8Array[] {
  const u32 = (value: number): number[] => [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];
  const u64 = (value: number): number[] => [...u32(value), ...u32(0)];
  const text = (value: string): number[] => [...u64(value.length), ...Buffer.from(value)];
  const file = (tensors: number, entries: number, ...parts: readonly number[][]): Uint8Array => {
    const head = Buffer.from([...Buffer.from('GGUF'), ...u32(3), ...u64(tensors), ...u64(entries)]);
    const body = Buffer.concat([head, ...parts.map((part) => Buffer.from(part))]);
    return new Uint8Array(Buffer.concat([body, Buffer.alloc(Math.max(0, size - body.length))]));
  };
  const array = (of: number, count: number): number[] => [...text('a'), ...u32(9), ...u32(of), ...u64(count)];
  const count = Math.max(1, Math.floor(size / 40));
  const entry = (i: number): number[] => [...text(`k${i}`), ...u32(0), 1];
  const tensor = (i: number): number[] => [...text(`t${i}`), ...u32(1), ...u64(1), ...u32(0), ...u64(0)];
  const all = (write: (i: number) => number[]): number[][] => Array.from({ length: count }, (_, i) => write(i));
  return [
    ...[0, 1, 2, 4, 6, 7, 10, 12].map((of) => file(0, 1, array(of, Math.max(0, Math.floor((size - 60) / 8))))),
    file(0, 1, array(0, Math.max(0, size - 60))),
    file(0, 1, array(8, Math.max(0, Math.floor((size - 60) / 8)))),
    file(0, 1, array(0, 0xffffffff)),
    file(0, 1, array(9, 1)),
    file(0, count, ...all(entry)),
    file(count, 0, ...all(tensor)),
    file(0xffffffff, 0),
    file(0, 0xffffffff),
    file(0, 1, text('k'), u32(8), u64(size)),
    new Uint8Array(size),
  ];
}
