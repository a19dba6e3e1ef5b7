const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };
const REFERENCE = /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,4}));/gi;
const MAX_CODE_POINT = 0x10_ffff;

/** Replaces character references. Unknown ones stay. */
export const unescapeHtml = (text: string): string =>
  text.replace(REFERENCE, (whole: string, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined) return NAMED[name.toLowerCase()] ?? whole;
    const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
    return code <= MAX_CODE_POINT ? String.fromCodePoint(code) : whole;
  });

/** Turns a post in HTML into its text, with a line for each paragraph. Takes time linear in the post. */
export const toPlainText = (html: string): string =>
  unescapeHtml(html.replace(/<(?:br|\/p|\/li)\b[^<>]*>/gi, '\n').replace(/<[^<>]*>/g, '')).trim();
