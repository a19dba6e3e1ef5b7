import { describe, expect, it } from 'vitest';
import { checkSubject } from './commits.ts';
import { checkFragment } from './rules.ts';
import { isRead, readFragments } from './sources.ts';

const find = (path: string, source: string): string[] =>
  readFragments(path, source)
    .flatMap((fragment) => checkFragment(path, fragment))
    .map(({ line, rule }) => `${line} ${rule}`);

describe('prose of TypeScript', () => {
  it.each([
    ['line comments', '\n// The order is signed.\n// What is left goes back.\n', '3 head'],
    ['a block comment', '/** The order is signed.\n * What is left goes back. */\n', '2 head'],
    ['a tag', '/**\n * Returns a number.\n * @param left what goes back\n */\n', '3 head'],
    ['the reason of a directive', '// biome-ignore lint/style/x: what is left goes back\n', '1 head'],
    ['a message', "\nthrow new Error('what is left goes back');", '2 head'],
    ['a template', `\nconst text = \`\${x} is signed; what is left goes back\`;`, '2 head'],
    ['a sum', "f('The order is signed. ' +\n 'What is left goes back.');", '2 head'],
    ['a description', "z.string().describe('what is left goes back')", '1 head'],
    ['a line of help', 'const help = `usage: x\n  --left N   what is left goes back`;', '2 head'],
    [
      'a wrapped line',
      `const help = \`The page has a line of prose that is wrapped behind eighty characters; it is about\nwhat is left. What is left goes back.\`;`,
      '2 head',
    ],
    ['a house word', "log.warn('the sitting is over now');", '1 word'],
  ])('finds %s', (_name, source, finding) => {
    expect(find('packages/a/src/x.ts', source)).toEqual([finding]);
  });

  it.each([
    ['code in a comment', '// Calls `what is it` and\n// ```\n// what is left goes back\n// ```\n'],
    ['a directive', '// #region What is left goes back\n'],
    ['a query', "db.exec('SELECT who FROM seats WHERE door = 1 AND deed = 2');"],
    ['a short value', "const name = 'what is left';"],
    ['a continued sentence', "f('The order names ' + 'what is left of it.');"],
    ['a value in a sentence', `f(\`\${payer} names what is left of it.\`);`],
    ['good prose', "// The order is signed.\nthrow new Error('The provider refuses the order.');"],
  ])('accepts %s', (_name, source) => {
    expect(find('packages/a/src/x.ts', source)).toEqual([]);
  });

  it('reads the text of elements as one sentence', () => {
    const source =
      'const a = <p>The reply names {count} of what it has.</p>;\nconst b = <p>What is left {count} goes back.</p>;';
    expect(find('apps/a/src/x.tsx', source)).toEqual(['2 head']);
  });

  it('reads names and comments of tests, and no other strings', () => {
    const source = [
      "describe('what is left', () => {",
      "  it.each([1])('whom it names', () => {",
      '    // What is left.',
      "    expect(text).toBe('what is left goes back');",
      '  });',
      "  it('names the payer', () => {});",
      '});',
    ].join('\n');
    expect(find('packages/a/src/x.test.ts', source).sort()).toEqual(['1 head', '2 head', '3 head']);
  });
});

describe('files that do not parse', () => {
  it('are refused, because their prose is not read', () => {
    expect(() => find('packages/a/src/x.ts', "f('The guest's list.');")).toThrow('x.ts does not parse');
  });
});

describe('comments of other languages', () => {
  it.each([
    [
      'contracts/src/A.sol',
      '/// @notice The order is signed.\n/// What is left goes back.\ncontract A { string s = "// what"; }',
      '2 head',
    ],
    ['packages/protocol/proto/a.proto', 'message A {\n  // What is left goes back.\n  bytes a = 1;\n}', '2 head'],
    ['python/src/a.py', '"""The order is signed.\n\nWhat is left goes back.\n"""\n', '3 head'],
    ['python/src/b.py', 'def f():\n    """What is left."""\n    return "# what is left"\n', '2 head'],
    ['python/src/c.py', "x = 'what # is'  # Whoever signs.\n", '1 head'],
  ])('finds them in %s', (path, source, finding) => {
    expect(find(path, source)).toContain(finding);
    expect(find(path, source).filter((of) => of.endsWith('head'))).toEqual([finding]);
  });

  it.each([
    ['contracts/src/A.sol', '// SPDX-License-Identifier: who\n/// @dev The order is signed.\n'],
    ['packages/protocol/proto/a.proto', '// Hash of the order.\n'],
    ['python/src/a.py', 'x = """\nwhat is left\n"""\n# Hash of the order.\n'],
  ])('accept good ones in %s', (path, source) => {
    expect(find(path, source)).toEqual([]);
  });
});

describe('prose of pages', () => {
  const page = (source: string): string[] => find(`docs/${'a'}.md`, source);

  it.each([
    ['a paragraph', '# A\n\nThe order\nis signed. What is left\ngoes back.\n', '4 head'],
    ['a list item', '# A\n\n- The order.\n- What is left.\n', '4 head'],
    ['an item of an item', '1. The order.\n   - The key.\n   - Whoever signs.\n', '3 head'],
    ['a cell', '| name | text |\n|---|---|\n| a | The order. |\n| b | What is left. |\n', '4 head'],
    ['the text of a link', 'See.\n\n[What is left](a.md) goes back.\n', '3 head'],
    ['an item of a cell', '| a |\n|---|\n| the order; what is left |\n', '3 head'],
    ['a quotation block', '> The order.\n> What is left goes back.\n', '2 head'],
  ])('finds %s', (_name, source, finding) => {
    expect(page(source)).toContain(finding);
    expect(page(source).filter((of) => of.endsWith('head'))).toEqual([finding]);
  });

  it.each([
    ['a title', '# What a receipt proves\n\nIt proves a reply.\n'],
    ['a question', '## Who checks the reply?\n\n**How strong is this?** A third of the stake is needed.\n'],
    ['a header cell', '| What it does | Who may call it |\n|---|---|\n| It checks. | The payer. |\n'],
    ['code', 'Run it:\n\n```\nwhat is left\n```\n\n`what is left` is printed.\n'],
    ['a link target', 'See [the page](what-is-left-of-the-sitting.md).\n'],
    ['markup', '<!-- What is left. -->\n\nThe order is signed.\n'],
    ['the items of a cell', `| a |\n|---|\n| ${'one item '.repeat(10)}; \`x; y\` ${'and more '.repeat(10)} |\n`],
  ])('accepts %s', (_name, source) => {
    expect(page(source)).toEqual([]);
  });
});

describe('semicolons of pages', () => {
  const list = `${'one item '.repeat(10)}; ${'and more '.repeat(10)}`;

  it.each([
    ['a paragraph', `${list}\n`],
    ['a list item', `- ${list}\n`],
    ['one item of a cell', `| a |\n|---|\n| x; ${'one item '.repeat(16)} |\n`],
  ])('end no sentence in %s', (_name, source) => {
    expect(find(`docs/${'a'}.md`, source).filter((of) => of.endsWith('length'))).toHaveLength(1);
  });
});

describe('subjects of commits', () => {
  it('finds a clause without a head', () => {
    expect(checkSubject('0123456789abcdef', 'chain: what was sent is not called refused')).toMatchObject([
      { path: 'commit 0123456789ab', rule: 'head' },
    ]);
  });

  it('accepts an imperative', () => {
    expect(checkSubject('0123456789abcdef', 'chain: wait for a sent transaction after the connection breaks')).toEqual(
      [],
    );
  });
});

describe('files of the check', () => {
  it.each([
    `docs/adr/${'a'}.md`,
    'README.md',
    'packages/a/README.md',
    'contracts/src/A.sol',
    'scripts/run.mjs',
    'apps/a/x.tsx',
  ])('reads %s', (path) => {
    expect(isRead(path)).toBe(true);
  });

  it.each(['packages/chain/src/generated/abi.ts', 'docs/bench.json', 'packages/a/notes.md'])(
    'leaves %s out',
    (path) => {
      expect(isRead(path)).toBe(false);
    },
  );
});
