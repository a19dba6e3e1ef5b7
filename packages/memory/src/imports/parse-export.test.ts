import { describe, expect, it } from 'vitest';
import { readTurns } from '../pipeline/turns.ts';
import type { ExportOptions } from './conversation.ts';
import { cutCalls } from './cut-calls.ts';
import { type ExportSource, parseExport } from './parse-export.ts';

const TIME_MS = Date.UTC(2026, 4, 18, 12, 30);
const SECONDS = TIME_MS / 1000;
const said = (role: string, content: string) => ({ role, content, timeMs: TIME_MS });

const parse = (source: ExportSource, given: unknown, options: Partial<ExportOptions> = {}) =>
  parseExport(source, typeof given === 'string' ? given : JSON.stringify(given), {
    ...{ speaker: undefined, dates: undefined },
    ...options,
  });

const chatGptNode = (parent: string | null, role: string, text: unknown) => ({
  parent,
  message: { author: { role }, create_time: SECONDS, content: { content_type: 'text', parts: [text] } },
});
/** A question that was asked in two ways; the second one is the last that the user saw. */
const CHATGPT = [
  {
    title: 'Travel',
    current_node: 'd',
    mapping: {
      a: { parent: null, message: null },
      b: chatGptNode('a', 'user', 'I live in Lisbon.'),
      c: chatGptNode('a', 'user', 'I live in Porto.'),
      d: chatGptNode('c', 'assistant', 'Noted.'),
    },
  },
];

describe('exports of assistants', () => {
  it('follows the last branch of ChatGPT', () => {
    expect(parse('chatgpt', CHATGPT)).toEqual([
      { threadId: 'Travel', messages: [said('user', 'I live in Porto.'), said('assistant', 'Noted.')] },
    ]);
  });

  it('ends in a circle of messages', () => {
    const mapping = { a: chatGptNode('b', 'user', 'One.'), b: chatGptNode('a', 'user', 'Two.') };
    const [conversation] = parse('chatgpt', [{ current_node: 'b', mapping }]);
    expect(conversation?.messages.map(({ content }) => content)).toEqual(['One.', 'Two.']);
  });

  it('reads Claude', () => {
    const created = new Date(TIME_MS).toISOString();
    const messages = [
      { sender: 'human', text: 'old', content: [{ type: 'text', text: 'I live in Porto.' }], created_at: created },
      { sender: 'assistant', text: 'Noted.', created_at: created },
      { sender: 'assistant', text: '', content: [{ type: 'tool_use' }], created_at: created },
    ];
    expect(parse('claude', [{ uuid: 'u', name: '', chat_messages: messages }])).toEqual([
      { threadId: 'u', messages: [said('user', 'I live in Porto.'), said('assistant', 'Noted.')] },
    ]);
  });
});

describe('chats among people', () => {
  const expected = [said('user', 'I live in Porto.'), said('other', 'I live in Paris.')];
  const speaker = 'Ana';

  it('reads Telegram, one chat and all', () => {
    const chat = {
      name: 'Bo',
      messages: [
        {
          from: 'Ana',
          from_id: 'user1',
          date_unixtime: `${SECONDS}`,
          text: ['I live in ', { type: 'bold', text: 'Porto.' }],
        },
        { from: 'Bo', from_id: 'user2', date_unixtime: `${SECONDS}`, text: 'I live in Paris.' },
        { from: 'Bo', from_id: 'user2', date_unixtime: `${SECONDS}`, text: '' },
      ],
    };
    for (const given of [chat, { chats: { list: [chat] } }])
      expect(parse('telegram', given, { speaker })).toEqual([{ threadId: 'Bo', messages: expected }]);
  });

  it('reads Slack', () => {
    const given = [
      {
        type: 'message',
        user: 'U1',
        ts: `${SECONDS}.000`,
        text: 'I live in Porto.',
        user_profile: { real_name: 'Ana' },
      },
      { type: 'message', user: 'U2', ts: `${SECONDS}.000`, text: 'I live in Paris.' },
      { type: 'message', subtype: 'channel_join', user: 'U1', text: 'Ana has joined' },
    ];
    expect(parse('slack', given, { speaker })).toEqual([{ threadId: 'slack', messages: expected }]);
  });

  it('reads Discord', () => {
    const timestamp = '2026-05-18T14:30:00+02:00';
    const messages = [
      { timestamp, content: 'I live in Porto.', author: { id: '1', name: 'ana', nickname: 'Ana' } },
      { timestamp, content: 'I live in Paris.', author: { id: '2', name: 'bo', nickname: null } },
    ];
    const given = { channel: { name: 'general' }, messages };
    expect(parse('discord', given, { speaker })).toEqual([{ threadId: 'general', messages: expected }]);
  });

  it.each([
    ['an iPhone', '[18/05/2026, 12:30:00] Ana: I live\r\nin Porto.\r\n[18/05/2026, 12:30:10] Bo: I live in Paris.'],
    [
      'Android',
      '5/18/26, 12:30 PM - Chat begins\n5/18/26, 12:30 PM - Ana: I live\nin Porto.\n5/18/26, 12:30 - Bo: I live in Paris.',
    ],
  ])('reads WhatsApp of %s', (_, given) => {
    const [conversation] = parse('whatsapp', given, { speaker });
    expect(conversation?.messages).toEqual([said('user', 'I live\nin Porto.'), expected[1]]);
  });

  it('does not guess the order of day and month', () => {
    const given = '[5/6/26, 12:30:00] Ana: Hello.';
    expect(() => parse('whatsapp', given, { speaker })).toThrow('say dates=dmy or dates=mdy');
    const [conversation] = parse('whatsapp', given, { speaker, dates: 'mdy' });
    expect(conversation?.messages[0]?.timeMs).toBe(Date.UTC(2026, 4, 6, 12, 30));
  });

  it.each(['telegram', 'whatsapp', 'slack', 'discord'] as const)('needs the name of the user in %s', (source) => {
    expect(() => parse(source, '{}')).toThrow('say by speaker');
  });
});

describe('posts of the user', () => {
  const [older, newer] = ['I live in Lisbon.', 'I live in Porto & "work" here.'];
  const expected = [
    { role: 'user', content: older, timeMs: TIME_MS - 60_000 },
    { role: 'user', content: newer, timeMs: TIME_MS },
  ];
  const expectPosts = (source: ExportSource, given: unknown) =>
    expect(parse(source, given)).toEqual([{ threadId: source, messages: expected }]);

  it('reads X without reposts', () => {
    const tweet = (text: string, time: string) => ({
      tweet: { full_text: text, created_at: time, id_str: '1', retweeted: false },
    });
    const tweets = [
      tweet('I live in Porto &amp; "work" here.', 'Mon May 18 12:30:00 +0000 2026'),
      tweet('RT @bo: I live in Paris.', 'Mon May 18 12:29:30 +0000 2026'),
      tweet('I live in Lisbon.', 'Mon May 18 12:29:00 +0000 2026'),
    ];
    expectPosts('x', `window.YTD.tweets.part0 = ${JSON.stringify(tweets)}`);
  });

  it('reads Mastodon without boosts and posts of others', () => {
    const actor = 'https://example.org/users/ana';
    const create = (content: string, published: string, attributedTo = actor) => ({
      ...{ type: 'Create', actor, published },
      object: { type: 'Note', attributedTo, content },
    });
    const orderedItems = [
      create('<p>I live in <b>Porto</b> &amp; &quot;work&quot; here.</p>', '2026-05-18T12:30:00Z'),
      create('<p>I live in Lisbon.</p>', '2026-05-18T12:29:00Z'),
      create('<p>I live in Paris.</p>', '2026-05-18T12:29:00Z', 'https://example.org/users/bo'),
      { type: 'Announce', actor, published: '2026-05-18T12:29:00Z', object: 'https://example.org/users/bo/1' },
    ];
    expectPosts('mastodon', { type: 'OrderedCollection', totalItems: 4, orderedItems });
    const [lines] = parse('mastodon', {
      orderedItems: [create('<p>One<br>two</p><p>3 &lt; 4 &#8364; &#x41; &no;</p>', '')],
    });
    expect(lines?.messages).toEqual([{ role: 'user', content: 'One\ntwo\n3 < 4 € A &no;' }]);
  });

  it.each([
    [
      'shares',
      'Date,ShareLink,ShareCommentary,SharedUrl,MediaUrl,Visibility',
      (words: string) => `http://a,${words},,,`,
    ],
    ['comments', 'Date,Link,Message', (words: string) => `http://a,${words}`],
  ])('reads %s of LinkedIn', (_, head, write) => {
    const rows = [
      `2026-05-18 12:30:00,${write('"I live in Porto & ""work"" here."')}`,
      `2026-05-18 12:29:00,${write('I live in Lisbon.')}`,
    ];
    expectPosts('linkedin', `\ufeff${head}\r\n${rows.join('\r\n')}\r\n`);
    const [lines] = parse('linkedin', `${head}\n,${write('"One""\n""two"')}`);
    expect(lines?.messages).toEqual([{ role: 'user', content: 'One\ntwo' }]);
  });

  it('reads Reddit without quoted and deleted words', () => {
    const head = 'id,permalink,date,ip,subreddit,gildings,link,parent,body,media';
    const rows = [
      'a,http://a,2026-05-18 12:30:00 UTC,,porto,0,,,"> I live in Paris.\nI live in Porto & ""work"" here.",',
      'b,http://a,2026-05-18 12:29:00 UTC,,porto,0,,,I live in Lisbon.,',
      'c,http://a,2026-05-18 12:29:00 UTC,,porto,0,,,[deleted],',
    ];
    expectPosts('reddit', `${head}\n${rows.join('\n')}`);
    const posts = 'date,subreddit,title,url,body\n2026-05-18 12:30:00 UTC,porto,Hello,,I cook.';
    expect(parse('reddit', posts)).toEqual([{ threadId: 'reddit', messages: [said('user', 'Hello\nI cook.')] }]);
  });
});

it.each<[what: string, source: ExportSource, given: unknown, message: string]>([
  ['deleted posts of X', 'x', 'window.YTD.deleted_tweets.part0 = []', 'no tweets.js'],
  ['X without JSON', 'x', 'window.YTD.tweets.part0 = [', 'not JSON'],
  ['another form of X', 'x', 'window.YTD.tweets.part0 = [{"text":"a"}]', 'see 0.tweet'],
  ['an actor of Mastodon', 'mastodon', { type: 'Person' }, 'see orderedItems'],
  ['chats of LinkedIn', 'linkedin', 'FROM,TO,DATE,CONTENT\na,b,c,d', 'no Shares.csv or Comments.csv'],
  ['votes of Reddit', 'reddit', 'id,permalink,direction\na,b,up', 'no posts.csv or comments.csv'],
  ['a quoted field without an end', 'reddit', 'date,subreddit,body\na,b,"c', 'does not end'],
  ['words behind a quoted field', 'reddit', 'date,subreddit,body\na,b,"c"d', 'goes on'],
  ['a table of many columns', 'linkedin', ','.repeat(65), 'at most 64 columns'],
  ['a table of many rows', 'linkedin', 'a\n'.repeat(200_002), 'at most 200000 rows'],
  ['text that is not JSON', 'chatgpt', '[', 'not JSON'],
  ['another form', 'claude', CHATGPT, 'this is no export of claude: see 0.chat_messages'],
  ['a node without an author', 'chatgpt', [{ mapping: { a: { message: {} } } }], 'see 0.mapping.a.message.author'],
  ['nothing of the user', 'chatgpt', [], 'no message of the user'],
  ['a text that is no chat', 'whatsapp', 'Hello.', 'no line of the text'],
])('refuses %s', (_, source, given, message) => {
  expect(() => parse(source, given, { speaker: 'Ana' })).toThrow(message);
});

it('cuts a long conversation into calls that are read whole', () => {
  const long = `${'I live in Porto. '.repeat(3_000)}😀${'x'.repeat(20_000)}\ud800`;
  const messages = [{ role: 'user', content: long }, ...Array(100).fill({ role: 'user', content: 'Hello.' })];
  const calls = cutCalls(messages);
  expect(calls.length).toBeGreaterThan(2);
  for (const call of calls) expect(() => readTurns(call, TIME_MS)).not.toThrow();
  const whole = messages.map(({ content }) => content).join('');
  expect(calls.flatMap((call) => call.map(({ content }) => content)).join('')).toBe(whole.toWellFormed());
});
