import { z } from 'zod';
import { MemoryError } from '../memory-error.ts';
import { type ImportedConversation, toPosts } from './conversation.ts';
import { readCsv } from './csv.ts';
import { toPlainText, unescapeHtml } from './plain-html.ts';

const text = z.string().nullish();

/** The text before the JSON of `tweets.js`. Files of deleted posts begin otherwise. */
const X_HEAD = /^\s*window\.YTD\.tweets?\.part\d{1,4}\s*=/;
const X = z.array(z.object({ tweet: z.object({ full_text: z.string(), created_at: text }) }));

/** Parses `tweets.js` of an archive of X, without reposts. @throws ZodError, SyntaxError, MemoryError `malformed` */
export function parseX(given: string): readonly ImportedConversation[] {
  const [head] = X_HEAD.exec(given) ?? [];
  if (head === undefined)
    throw new MemoryError('malformed', 'this is no tweets.js of x: it begins with window.YTD.tweets');
  const posts = X.parse(JSON.parse(given.slice(head.length)))
    .filter(({ tweet }) => !tweet.full_text.startsWith('RT @'))
    .map(({ tweet }) => ({ content: unescapeHtml(tweet.full_text), timeMs: Date.parse(tweet.created_at ?? '') }));
  return toPosts('x', posts);
}

const MASTODON = z.object({
  orderedItems: z.array(
    z.object({
      type: z.string(),
      actor: text,
      published: text,
      object: z.union([z.string(), z.object({ attributedTo: text, content: text })]),
    }),
  ),
});

/** Parses `outbox.json` of an archive of Mastodon, without boosts. @throws ZodError */
export function parseMastodon(given: unknown): readonly ImportedConversation[] {
  const posts = MASTODON.parse(given).orderedItems.flatMap(({ type, actor, published, object }) => {
    if (type !== 'Create' || typeof object === 'string') return [];
    if ((object.attributedTo ?? actor) !== actor) return [];
    return [{ content: toPlainText(object.content ?? ''), timeMs: Date.parse(published ?? '') }];
  });
  return toPosts('mastodon', posts);
}

/** Parses `Shares.csv` or `Comments.csv` of LinkedIn. @throws MemoryError `malformed`, `too-large` */
export function parseLinkedIn(given: string): readonly ImportedConversation[] {
  const table = readCsv(given);
  const [times, texts] = [table.read('Date'), table.read('ShareCommentary') ?? table.read('Message')];
  if (times === undefined || texts === undefined)
    throw new MemoryError('malformed', 'this is no Shares.csv or Comments.csv of linkedin: see its first line');
  // The export quotes each line of a text.
  const posts = texts.map((words, row) => ({ content: words.replaceAll('"\n"', '\n'), timeMs: readUtc(times[row]) }));
  return toPosts('linkedin', posts);
}

const REDDIT_GONE = /^\[(?:deleted|removed)\]$/;

/** Parses `posts.csv` or `comments.csv` of Reddit, without quoted lines. @throws MemoryError `malformed`, `too-large` */
export function parseReddit(given: string): readonly ImportedConversation[] {
  const table = readCsv(given);
  const [times, texts, titles = []] = [table.read('date'), table.read('body'), table.read('title')];
  if (times === undefined || texts === undefined || table.read('subreddit') === undefined)
    throw new MemoryError('malformed', 'this is no posts.csv or comments.csv of reddit: see its first line');
  const posts = texts.map((body, row) => {
    const lines = body.split('\n').filter((line) => !line.startsWith('>') && !REDDIT_GONE.test(line));
    return { content: [titles[row] ?? '', ...lines].join('\n').trim(), timeMs: readUtc(times[row]) };
  });
  return toPosts('reddit', posts);
}

/** Unix time, ms, of `2026-05-18 12:30:00`, with ` UTC` behind it or not. */
const readUtc = (time = ''): number => Date.parse(`${time.replace(/ UTC$/, '').replace(' ', 'T')}Z`);
