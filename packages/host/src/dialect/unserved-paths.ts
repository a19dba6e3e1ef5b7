import type { ApiMiddleware } from '../http/api-app.ts';
import { ApiError } from '../http/api-error.ts';

/** The server that received the request. */
export type ServedPlace = 'local mode' | 'gateway';

/** Unserved endpoints of the supported APIs, with the one reason that their callers receive. */
export interface UnservedGroup {
  readonly name: string;
  /** After `METHOD path is not served here: `. */
  readonly why: string;
  /** Of `METHOD path`. */
  readonly covers: RegExp;
  /** The server that lacks it; both if absent. */
  readonly only?: ServedPlace;
}

export const UNSERVED_GROUPS: readonly UnservedGroup[] = [
  {
    name: 'assistants and threads',
    why: 'no conversation is kept; send the whole conversation to chat completions or responses',
    covers: /^\w+ \/v1\/(?:assistants|threads|chatkit)(?:\/|$)/,
  },
  {
    name: 'stored conversations and answers',
    why: 'no conversation is kept; send the whole conversation with each request',
    covers:
      /^(?:\w+ \/v1\/conversations(?:\/|$)|GET \/v1\/chat\/completions$|\w+ \/v1\/chat\/completions\/|\w+ \/v1\/responses\/(?!input_tokens$))/,
  },
  {
    name: 'files, batches and what is built on them',
    why: 'no files are kept; send texts in the request, and several requests at once in place of a batch',
    covers: /^\w+ \/v1\/(?:files|uploads|vector_stores|containers|skills|batches|messages\/batches)(?:\/|$)/,
  },
  {
    name: 'fine-tuning and evaluations',
    why: 'no models are trained or graded; local mode applies adapters that are there (POST /api/create)',
    covers: /^\w+ \/v1\/(?:fine_tuning|evals)(?:\/|$)/,
  },
  {
    name: 'sound, videos and live sessions',
    why: 'the models write text, make vectors of text, and make pictures',
    covers: /^\w+ \/v1\/(?:audio|videos|realtime|content_provenance_checks)(?:\/|$)/,
  },
  {
    name: 'moderation',
    why: 'nothing is moderated; ask a model for a classification, with an answer of a JSON schema',
    covers: /^\w+ \/v1\/moderations(?:\/|$)/,
  },
  {
    name: 'accounts, keys and costs',
    why: "these are OpenAI's accounts; a gateway has its own (ogong-gatewayd admin, /admin/v1, GET /v1/usage), local mode has none",
    covers: /^\w+ \/v1\/(?:organizations?|projects)(?:\/|$)/,
  },
  {
    name: 'deleting models',
    why: 'models are deleted on the machine that has them (DELETE /api/delete of local mode, or ogong-provider rm)',
    covers: /^DELETE \/v1\/models\//,
  },
  {
    name: "Ollama's API",
    why: "a gateway speaks the APIs of OpenAI and Anthropic; Ollama's is that of local mode (ogong-provider local)",
    covers: /^\w+ \/api(?:\/|$)/,
    only: 'gateway',
  },
];

/** @param path of the request, without a query. */
export const findUnserved = (method: string, path: string, place: ServedPlace): UnservedGroup | undefined =>
  UNSERVED_GROUPS.find(({ covers, only = place }) => only === place && covers.test(`${method} ${path}`));

/** Explains why an endpoint is missing, before other checks of the caller. */
export function explainUnserved(place: ServedPlace): ApiMiddleware {
  return async ({ req: { method, path } }, next) => {
    const found = findUnserved(method, path, place);
    if (found === undefined) return next();
    const message = `${method} ${path.slice(0, 200)} is not served here: ${found.why}.`;
    throw new ApiError('not_found', message, { publicCode: 'not_served' });
  };
}
