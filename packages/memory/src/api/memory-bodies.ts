import { z } from 'zod';
import { CHAT_SOURCES, SOCIAL_SOURCES } from '../imports/parse-export.ts';
import { CATEGORIES, MEMORY_TYPES } from '../memory.ts';
import { MEMORY_SCOPES } from './memory-routes.ts';

/** UTF-16 units of a name. */
const name = z.string().min(1).max(256);
const category = z.enum(CATEGORIES);
/** Unix time in ms, of ISO 8601 with a time zone. */
const writtenTime = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
/** The same, or of Unix seconds. */
const time = z.union([
  writtenTime,
  z
    .number()
    .nonnegative()
    .transform((seconds) => Math.round(seconds * 1000)),
]);

export const METADATA = z.strictObject({
  location: name.exactOptional(),
  participants: z.array(name).max(32).exactOptional(),
  tags: z.array(name).max(32).exactOptional(),
  source: name.exactOptional(),
  confidence: z.number().min(0).max(1).exactOptional(),
});

/** Sizes of messages are checked by `readTurns`. */
const message = z.strictObject({
  role: name,
  content: z.string(),
  name: name.optional(),
  created_at: time.optional(),
});

export const ADDITION_BODY = z.strictObject({
  messages: z.array(message),
  agent_id: name.default(''),
  thread_id: name.default(''),
  source: name.default('chat'),
  metadata: METADATA.optional(),
});

export const SEARCH_BODY = z.strictObject({
  query: z.string(),
  limit: z.int().min(1).max(100).default(10),
  categories: z.array(category).max(CATEGORIES.length).optional(),
  type: z.enum(MEMORY_TYPES).optional(),
  rerank: z.boolean().default(false),
  include_bio: z.boolean().default(true),
  agent_id: name.optional(),
  thread_id: name.optional(),
  /** Searches the memories of this time. */
  as_of: time.optional(),
});

export const QUESTION_BODY = z.strictObject({
  question: z.string(),
  limit: z.int().min(1).max(32).default(8),
});

export const EDIT_BODY = z.strictObject({
  content: z.string().optional(),
  metadata: METADATA.optional(),
  category: category.optional(),
  categories: z.array(category).min(1).max(3).optional(),
  type: z.enum(MEMORY_TYPES).optional(),
});

export const BIO_BODY = z.strictObject({ bio: z.string() });

/** Parameters of an address; each is a text. */
export const LIST_QUERY = z.strictObject({
  limit: z.coerce.number().pipe(z.int().min(1).max(100)).default(50),
  before: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .optional(),
  category: category.optional(),
  type: z.enum(MEMORY_TYPES).optional(),
  agent_id: name.optional(),
  thread_id: name.optional(),
  /** Lists the memories of this time. */
  as_of: writtenTime.optional(),
});

export const PROFILE_PARTS = ['bio', 'categories', 'insights', 'traits', 'stats'] as const;

export const PROFILE_QUERY = z.strictObject({
  include: z
    .string()
    .default('bio,stats')
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(PROFILE_PARTS)).max(PROFILE_PARTS.length)),
  category: category.optional(),
  refresh: z.stringbool().default(false),
});

export const BIO_QUERY = z.strictObject({ refresh: z.stringbool().default(false) });

export const CHAT_IMPORT_QUERY = z.strictObject({
  source: z.enum(CHAT_SOURCES),
  speaker: name.optional(),
  dates: z.enum(['dmy', 'mdy']).optional(),
  agent_id: name.default(''),
});

export const SOCIAL_IMPORT_QUERY = z.strictObject({ source: z.enum(SOCIAL_SOURCES), agent_id: name.default('') });

export const FILE_IMPORT_QUERY = z.strictObject({ name, agent_id: name.default('') });

export const WEBHOOK_BODY = z.strictObject({ url: z.url({ protocol: /^https?$/ }).max(2_048) });

/** The last millisecond of year 2999. */
const MAX_TIME_MS = 32_503_679_999_999;

export const KEY_BODY = z.strictObject({
  scopes: z.array(z.enum(MEMORY_SCOPES)).min(1).max(MEMORY_SCOPES.length),
  expires_at: time.pipe(z.int().max(MAX_TIME_MS)).optional(),
});
