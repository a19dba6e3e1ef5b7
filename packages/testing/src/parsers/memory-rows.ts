import { type LoadModule, type ParserRow, values } from './parser-row.ts';
import { worstJson, worstTexts } from './worst-inputs.ts';

const OPTIONS = { speaker: 'a', dates: undefined };

const withOptions = (file: string, name: string) => async (load: LoadModule) => {
  const parse = (await load(file))[name] as (...input: unknown[]) => unknown;
  return (input: never) => parse(input, OPTIONS);
};

const repeat = <T>(size: number, each: number, write: (i: number) => T): T[] =>
  Array.from({ length: Math.max(1, Math.floor(size / each)) }, (_, i) => write(i));

const SOCIAL = 'memory/src/imports/social-exports.ts';

/** Tables of many fields, rows, columns, quotes, and quotes within a field. */
const worstTables = (size: number, head: string): string[] => [
  ...[',', '\n', '"",', '""\n', 'a\r\n'].map((part) => `${head}\n${part.repeat(size / part.length)}`),
  `${head}\n"${'""'.repeat(size / 2)}"`,
  `${head}\n"${'a'.repeat(size)}`,
  `a${',a'.repeat(size / 2)}`,
];

const ASSISTANTS = 'memory/src/imports/assistant-exports.ts';
const CHATS = 'memory/src/imports/chat-exports.ts';

/** Nodes in a chain, in a circle, and each below the last one. */
function worstMappings(size: number): unknown[] {
  const parents = [
    (i: number) => i - 1,
    (i: number, count: number) => (i + 1) % count,
    (_: number, count: number) => count - 1,
  ];
  const count = Math.max(1, Math.floor(size / 120));
  return parents.map((parentOf) => {
    const nodes = repeat(size, 120, (i) => [
      `n${i}`,
      { parent: `n${parentOf(i, count)}`, message: { author: { role: 'user' }, content: { parts: ['a'] } } },
    ]);
    return [{ current_node: `n${count - 1}`, mapping: Object.fromEntries(nodes) }];
  });
}

/** Exports of conversations and of memories. */
export const MEMORY_ROWS: readonly ParserRow[] = [
  { file: ASSISTANTS, name: 'parseChatGpt', inputs: (size) => [...values(worstJson(size)), ...worstMappings(size)] },
  {
    ...{ file: ASSISTANTS, name: 'parseClaude' },
    inputs: (size) => [
      ...values(worstJson(size)),
      [{ chat_messages: repeat(size, 40, () => ({ sender: 'human', text: 'a' })) }],
      [{ chat_messages: [{ sender: 'human', content: repeat(size, 30, () => ({ type: 'text', text: 'a' })) }] }],
    ],
  },
  {
    ...{ file: CHATS, name: 'parseTelegram', prepare: withOptions(CHATS, 'parseTelegram') },
    inputs: (size) => [
      ...values(worstJson(size)),
      { messages: repeat(size, 30, () => ({ from: 'a', text: 'a' })) },
      { messages: [{ from: 'a', text: repeat(size, 20, () => ({ text: 'a' })) }] },
      { chats: { list: repeat(size, 20, () => ({ messages: [] })) } },
    ],
  },
  {
    ...{ file: CHATS, name: 'parseSlack', prepare: withOptions(CHATS, 'parseSlack') },
    inputs: (size) => [...values(worstJson(size)), repeat(size, 30, () => ({ user: 'a', text: 'a' }))],
  },
  {
    ...{ file: CHATS, name: 'parseDiscord', prepare: withOptions(CHATS, 'parseDiscord') },
    inputs: (size) => [
      ...values(worstJson(size)),
      { messages: repeat(size, 40, () => ({ content: 'a', author: { id: 'a' } })) },
    ],
  },
  {
    ...{ file: SOCIAL, name: 'parseX' },
    inputs: (size) => [
      ...worstTexts(size),
      `window.YTD.tweets.part0 = ${JSON.stringify(repeat(size, 40, () => ({ tweet: { full_text: '&amp;' } })))}`,
      `window.YTD.tweets.part0 = [{"tweet":{"full_text":"${'&'.repeat(size)}"}}]`,
    ],
  },
  {
    ...{ file: SOCIAL, name: 'parseMastodon' },
    inputs: (size) => [
      ...values(worstJson(size)),
      { orderedItems: repeat(size, 40, () => ({ type: 'Create', object: { content: '<p>a</p>' } })) },
      ...['<', '<p', '<br', '&#1', '<a>'].map((part) => ({
        orderedItems: [{ type: 'Create', object: { content: part.repeat(size / part.length) } }],
      })),
    ],
  },
  {
    ...{ file: SOCIAL, name: 'parseLinkedIn' },
    inputs: (size) => [...worstTexts(size), ...worstTables(size, 'Date,Message')],
  },
  {
    ...{ file: SOCIAL, name: 'parseReddit' },
    inputs: (size) => [...worstTexts(size), ...worstTables(size, 'date,subreddit,body')],
  },
  {
    ...{ file: 'memory/src/imports/whatsapp-export.ts', name: 'parseWhatsApp' },
    prepare: withOptions('memory/src/imports/whatsapp-export.ts', 'parseWhatsApp'),
    inputs: (size) => [
      ...worstTexts(size),
      repeat(size, 26, () => '[18/5/26, 12:00:00] a: b').join('\n'),
      `[18/5/26, 12:00:00] a: b${'\n'.repeat(size)}`,
      `[18/5/26, 12:00:00] ${' '.repeat(size)}`,
      repeat(size, 8, () => '[1/1/1, ').join('\n'),
    ],
  },
  {
    ...{ file: 'memory/src/api/parse-proof.ts', name: 'parseProof' },
    inputs: (size) => [
      ...values(worstJson(size)),
      { vector: 'A'.repeat(size) },
      { calls: { extraction: { receipt: 'A'.repeat(size) } } },
    ],
  },
];
