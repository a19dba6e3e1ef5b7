import type { Handler } from '@ogong/host/http/api-app';
import type { Route } from '@ogong/protocol/http/routes';
import type { FieldRules } from '@ogong/protocol/modality/shared/field-rules';
import type { LocalCall } from '../local-model.ts';
import { findBlob, putBlob } from './blobs.ts';
import { chat } from './chat.ts';
import { create } from './create.ts';
import { embed, embeddings } from './embed.ts';
import { EMBED_OPTION_RULES, EMBED_RULES, EMBEDDINGS_RULES } from './embed-rules.ts';
import { generate } from './generate.ts';
import { CHAT_RULES, GENERATE_RULES, MESSAGE_RULES, OPTION_RULES } from './generation-rules.ts';
import { copy, push, remove } from './manage.ts';
import { COPY_RULES, CREATE_RULES, DELETE_RULES, PULL_RULES, PUSH_RULES, SHOW_RULES } from './manage-rules.ts';
import { ps } from './ps.ts';
import { pull } from './pull.ts';
import { show } from './show.ts';
import { tags } from './tags.ts';

/** The release of Ollama's API that this one follows; some clients ask before they talk. */
const OLLAMA_VERSION = '0.12.6';

export const OLLAMA_ROUTES = {
  // Clients look here whether Ollama runs.
  root: { method: 'GET', path: '/' },
  version: { method: 'GET', path: '/api/version' },
  tags: { method: 'GET', path: '/api/tags' },
  ps: { method: 'GET', path: '/api/ps' },
  show: { method: 'POST', path: '/api/show' },
  copy: { method: 'POST', path: '/api/copy' },
  remove: { method: 'DELETE', path: '/api/delete' },
  pull: { method: 'POST', path: '/api/pull' },
  push: { method: 'POST', path: '/api/push' },
  create: { method: 'POST', path: '/api/create' },
  // A HEAD is answered as a GET whose body is left out.
  findBlob: { method: 'GET', path: '/api/blobs/:digest' },
  putBlob: { method: 'POST', path: '/api/blobs/:digest' },
  generate: { method: 'POST', path: '/api/generate' },
  chat: { method: 'POST', path: '/api/chat' },
  embed: { method: 'POST', path: '/api/embed' },
  embeddings: { method: 'POST', path: '/api/embeddings' },
} as const satisfies Readonly<Record<string, Route>>;

/** Effect of each endpoint's fields, for the reference page. */
export const OLLAMA_FIELDS: Readonly<Record<string, FieldRules>> = {
  'GET / · GET /api/version · GET /api/tags · GET /api/ps · HEAD and POST /api/blobs/{digest}': {},
  'POST /api/generate': GENERATE_RULES,
  'POST /api/chat': CHAT_RULES,
  'A message of /api/chat': MESSAGE_RULES,
  'options of /api/generate and /api/chat': OPTION_RULES,
  'POST /api/embed': EMBED_RULES,
  'POST /api/embeddings': EMBEDDINGS_RULES,
  'options of /api/embed and /api/embeddings': EMBED_OPTION_RULES,
  'POST /api/show': SHOW_RULES,
  'POST /api/copy': COPY_RULES,
  'DELETE /api/delete': DELETE_RULES,
  'POST /api/pull': PULL_RULES,
  'POST /api/push, which is refused': PUSH_RULES,
  'POST /api/create': CREATE_RULES,
};

export function createOllamaHandlers(call: LocalCall): Readonly<Record<keyof typeof OLLAMA_ROUTES, Handler>> {
  return {
    // ../page.ts answers browsers at `/`.
    root: (context) => context.text('Ollama is running', 200, { vary: 'accept' }),
    version: (context) => context.json({ version: OLLAMA_VERSION }),
    tags: (context) => tags(context, call),
    ps: (context) => ps(context, call),
    show: (context) => show(context, call),
    copy: (context) => copy(context, call),
    remove: (context) => remove(context, call),
    pull: (context) => pull(context, call),
    push: (context) => push(context, call),
    create: (context) => create(context, call),
    findBlob: (context) => findBlob(context, call),
    putBlob: (context) => putBlob(context, call),
    generate: (context) => generate(context, call),
    chat: (context) => chat(context, call),
    embed: (context) => embed(context, call),
    embeddings: (context) => embeddings(context, call),
  };
}
