import { describe, expect, it } from 'vitest';
import { type MarkdownNode, parseMarkdown } from './tree.ts';

/** Writes a tree as markup to compare it; only here. */
function write(nodes: readonly MarkdownNode[]): string {
  return nodes
    .map((node) => {
      if (typeof node === 'string') return node.replaceAll('<', '‹');
      const attributes = Object.entries(node.attributes).map(([name, value]) => ` ${name}=${value}`);
      return `<${node.tag}${attributes.join('')}>${write(node.children)}</${node.tag}>`;
    })
    .join('');
}

describe('parseMarkdown', () => {
  it.each([
    ['plain text', 'Hello', '<p>Hello</p>'],
    ['two lines', 'a\nb', '<p>a<br></br>b</p>'],
    ['emphasis', '**a** *b* ~~c~~ `d<e`', '<p><strong>a</strong> <em>b</em> <del>c</del> <code>d‹e</code></p>'],
    ['a heading', '## A *b*', '<h2 data-depth=2>A <em>b</em></h2>'],
    ['a code block', '```ts\nlet a = "<b>";\n```', '<pre data-language=ts><code>let a = "‹b>";</code></pre>'],
    ['an open code block', '```\na', '<pre><code>a</code></pre>'],
    ['a list', '- a\n- **b**', '<ul><li>a</li><li><strong>b</strong></li></ul>'],
    ['a numbered list', '3. a\n4. b', '<ol start=3><li>a</li><li>b</li></ol>'],
    ['a quotation', '> a', '<blockquote><p>a</p></blockquote>'],
    [
      'a table',
      '|a|b|\n|-|-:|\n|1|2|',
      '<table><thead><tr><th>a</th><th data-align=right>b</th></tr></thead><tbody><tr><td>1</td><td data-align=right>2</td></tr></tbody></table>',
    ],
    ['references', 'a &amp; b &#39;c&#39; &unknown;', "<p>a & b 'c' &unknown;</p>"],
    ['a rule', '***', '<hr></hr>'],
  ])('reads %s', (_what, text, expected) => {
    expect(write(parseMarkdown(text))).toBe(expected);
  });

  it.each([
    ['a block of markup', '<script>alert(1)</script>'],
    ['an element', '<img src=x onerror=alert(1)>'],
    ['markup within a line', 'a <b onclick="x">c</b>'],
    ['an open element', '<iframe src="https://evil.example"'],
  ])('leaves %s as text', (_what, text) => {
    const found = write(parseMarkdown(text));
    expect(found.replaceAll('‹', '<').replace(/<\/?p>/g, '')).toContain(text.slice(0, 8));
    expect(found.replace(/<\/?[pa][^>]*>/g, '')).not.toContain('<');
  });

  it('links to other pages without a referrer, and loads no image', () => {
    const rel = 'rel=noopener noreferrer nofollow target=_blank';
    expect(write(parseMarkdown('[a](https://a.example/b)'))).toBe(
      `<p><a href=https://a.example/b title=https://a.example/b ${rel}>a</a></p>`,
    );
    expect(write(parseMarkdown('![a](https://a.example/b.png)'))).toBe(
      `<p><a href=https://a.example/b.png title=https://a.example/b.png ${rel}>a</a></p>`,
    );
  });

  it.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    '//evil.example',
    '/v1/models',
    '#/check',
    'blob:x',
  ])('makes no link of %s', (address) => {
    expect(write(parseMarkdown(`[a](${address})`))).toBe('<p>a</p>');
  });

  it('leaves an answer that is nested too deeply as text', () => {
    const text = '>'.repeat(200_000);
    expect(parseMarkdown(text)).toHaveLength(1);
  });

  it.each([
    ['marks', '_a'.repeat(40_000)],
    ['lists in each other', '1. '.repeat(30_000)],
    ['characters', 'a '.repeat(60_000)],
  ])('leaves an answer of too many %s as text', (_, text) => {
    expect(parseMarkdown(text)).toEqual([{ tag: 'p', attributes: {}, children: [text] }]);
  });

  it('reads a long answer as models write it', () => {
    const text = '## Part\n\n- **one** `two`\n\nSome words.\n\n'.repeat(900);
    expect(parseMarkdown(text)).toHaveLength(2_700);
  });
});
