import { expect } from 'vitest';
import { z } from 'zod';

/** The server that a client calls. */
export interface ClientTarget {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  readonly model: string;
  readonly embeddingModel: string;
  /** A model of pictures; undefined on a server without one. */
  readonly pictureModel?: string;
  /** A model that calls WEATHER if the tool is offered and has no answer yet. */
  readonly callingModel: string;
  /** Its counts of tokens are the model's own. Default: they are the largest number that can be billed. */
  readonly countsTokens?: boolean;
  /** Sees every answer before the client does. */
  readonly fetch: typeof fetch;
  /** The answer to QUESTION in a plain chat, with 12 tokens at temperature 0. */
  readonly answer: string;
  /** A model that can be pulled, on servers that pull models. */
  readonly pullable?: string;
  /** A text that occurs in the answer. */
  readonly stop: string;
}

export const QUESTION = 'Tell me a story';
/** A question that no server of the tests has a context for. */
export const LONG_QUESTION: string = 'long '.repeat(9_000);
export const LIMIT = 12;

/** Returns the answer cut before its stop string. */
export const cutAtStop = ({ answer, stop }: ClientTarget): string => answer.slice(0, answer.indexOf(stop));

/** Compares a count of tokens with the number that the same request was billed. */
export function expectCount({ countsTokens = false }: ClientTarget, counted: number, billed: number): void {
  if (countsTokens) expect(counted).toBe(billed);
  else expect(counted).toBeGreaterThanOrEqual(billed);
}

/** Features of clients, in the order of the table. */
export const FEATURES = [
  'answer',
  'stream',
  'stop',
  'token limit',
  'usage',
  'errors',
  'context overflow',
  'JSON of a schema',
  'tools',
  'tool loop',
  'tools beside a schema',
  'several choices',
  'log-probabilities',
  'several prompts',
  'prompt of tokens',
  'echo',
  'filling in',
  'token count',
  'embeddings',
  'pictures',
  'previews of pictures',
  'changed pictures',
  'variations of pictures',
  'models',
  'running models',
  'keep alive',
  'options',
  'made models',
  'pull',
  'abort',
  'version',
  'no stored state',
] as const;
export type ClientFeature = (typeof FEATURES)[number];

/** One feature of one client, tried against a running server. */
export interface ClientCase {
  readonly client: string;
  /** The API that it calls. */
  readonly api: ClientApi;
  readonly feature: ClientFeature;
  /** The only place that has the client's API. Default: both. */
  readonly only?: ClientPlace;
  /** The place where it does not work, and the reason. */
  readonly except?: { readonly place: ClientPlace; readonly why: string };
  run(target: ClientTarget): Promise<void>;
}

/** APIs in the order of the page. */
export const APIS = ['OpenAI', 'Anthropic', 'Ollama'] as const;
export type ClientApi = (typeof APIS)[number];
export type ClientPlace = 'local mode' | 'gateway';

/** Lists the cases of one client. Ollama's API is served in local mode only. */
export const listCases = (
  { name, api }: { readonly name: string; readonly api: ClientApi },
  runs: Partial<Record<ClientFeature, ClientCase['run']>>,
  except: Partial<Record<ClientFeature, ClientCase['except']>> = {},
): readonly ClientCase[] =>
  FEATURES.flatMap((feature) => {
    const run = runs[feature];
    const exception = except[feature];
    if (run === undefined) return [];
    const only = api === 'Ollama' ? ({ only: 'local mode' } as const) : {};
    return [{ client: name, api, feature, run, ...only, ...(exception && { except: exception }) }];
  });

/** A schema whose texts the fake engine and the fake network write. */
export const THING_SCHEMA = {
  type: 'object',
  properties: { color: { enum: ['red', 'green'] }, size: { type: 'integer', minimum: 1, maximum: 9 } },
  required: ['color', 'size'],
  additionalProperties: false,
} as const;
/** The same schema as an object of the library that the clients' helpers take. */
export const THING_OBJECT = z.object({ color: z.enum(['red', 'green']), size: z.int().min(1).max(9) });
/** A tool that the fake network calls. Every model follows a forced call. */
export const WEATHER = {
  name: 'weather',
  description: 'Returns the weather of a city.',
  parameters: {
    type: 'object',
    properties: { city: { enum: ['Paris', 'Rome'] } },
    required: ['city'],
    additionalProperties: false,
  },
} as const;
export const CITY: RegExp = /^(Paris|Rome)$/;
export const CITY_OBJECT = z.object({ city: z.enum(['Paris', 'Rome']) });
export const THING: RegExp = /^\s*\{\s*"color":\s*"(red|green)",\s*"size":\s*[1-9]\s*\}\s*$/;

/** Checks that a reply is either calls of the tool or a text of the schema. */
export function expectCallOrThing(
  text: string | null | undefined,
  calls: readonly (readonly [string, unknown])[],
): void {
  if (calls.length === 0) expect(text).toMatch(THING);
  else expect(text || '').toBe('');
  for (const call of calls) expect(call).toEqual([WEATHER.name, { city: expect.stringMatching(CITY) }]);
}

/** A tool that remembers the cities of its calls. */
export function createWeather() {
  const cities: string[] = [];
  const call = ({ city }: { readonly city: string }): string => {
    cities.push(city);
    return `Sun in ${city}.`;
  };
  return { cities, call };
}

/** Returns the error of work that must fail. */
export async function catchError(work: PromiseLike<unknown>): Promise<unknown> {
  return work.then(
    () => {
      throw new Error('the server refused nothing');
    },
    (reason: unknown) => reason,
  );
}
