import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ALL_CASES } from './all-cases.ts';
import { type ClientFeature, type ClientPlace, type ClientTarget, FEATURES, LIMIT, QUESTION } from './client-case.ts';
import { missingOllamaDocument, openOllamaDocument } from './ollama-document.ts';
import { missingDocument, openDocument } from './openapi-document.ts';
import { createWatchedFetch, type Documents } from './watched-fetch.ts';

export interface ClientServer
  extends Pick<
    ClientTarget,
    'origin' | 'model' | 'embeddingModel' | 'pictureModel' | 'callingModel' | 'countsTokens' | 'pullable'
  > {
  /** @param path of the receipt of an answer. @throws if a check of the receipt fails. Default: no receipt is checked. */
  checkReceipt?(path: string): Promise<void>;
  close(): Promise<void>;
}

/** The cases that a server must pass. */
export interface ClientSelection {
  /** Default: all. */
  readonly features?: readonly ClientFeature[];
  /** `client: feature` of cases that its models cannot pass, each with the reason. */
  readonly without?: Readonly<Record<string, string>>;
}

/** Runs all clients of a server's API against it. Every answer is checked against the API's document and its receipt. */
export function testClients(
  place: ClientPlace,
  open: () => Promise<ClientServer>,
  { features = FEATURES, without = {} }: ClientSelection = {},
): void {
  for (const missing of [missingDocument, missingOllamaDocument])
    if (missing !== undefined) it.skip(`answers match their schemas (${missing})`);
  const cases = ALL_CASES.filter(({ only = place, feature }) => only === place && features.includes(feature));
  describe(`clients against ${place === 'gateway' ? 'a gateway' : place}`, () => {
    const watched = createWatchedFetch();
    let server: ClientServer;
    let target: ClientTarget;
    let documents: Documents = {};

    beforeAll(async () => {
      server = await open();
      target = { ...server, fetch: watched.fetch, ...(await readAnswer(server)) };
      documents = {
        ...(missingDocument === undefined && { openai: openDocument() }),
        ...(missingOllamaDocument === undefined && { ollama: openOllamaDocument() }),
      };
    });
    afterEach(async () => {
      for (const path of await watched.check(documents)) {
        if (server.checkReceipt === undefined) continue;
        expect(path, 'an answer names no receipt').toBeDefined();
        await server.checkReceipt(path as string);
      }
    });
    afterAll(() => server?.close());

    for (const client of new Set(cases.map((each) => each.client))) {
      describe(client, () => {
        for (const { feature, except, run } of cases.filter((each) => each.client === client)) {
          const why = without[`${client}: ${feature}`];
          if (why !== undefined) it.skip(`${feature} (${why})`);
          else if (except?.place === place) it.fails(`${feature} (${except.why})`, () => run(target));
          else it(feature, () => run(target));
        }
      });
    }
  });
}

/** Calls by plain HTTP, so that no client is compared with itself. */
async function readAnswer({ origin, model }: ClientServer): Promise<Pick<ClientTarget, 'answer' | 'stop'>> {
  const response = await fetch(`${origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ model, messages: [{ role: 'user', content: QUESTION }], max_tokens: LIMIT, temperature: 0 },
    }),
  });
  const { choices } = (await response.json()) as { choices: { message: { content: string } }[] };
  const answer = choices[0]?.message.content ?? '';
  const stop = answer.trim().split(' ')[3] ?? '';
  expect(stop, `the answer ${JSON.stringify(answer)} has too few words`).not.toBe('');
  return { answer, stop };
}
