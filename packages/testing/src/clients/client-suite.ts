import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ALL_CASES } from './all-cases.ts';
import { type ClientPlace, type ClientTarget, LIMIT, QUESTION } from './client-case.ts';
import { type AssertSchema, missingDocument, openDocument } from './openapi-document.ts';
import { createWatchedFetch } from './watched-fetch.ts';

export interface ClientServer extends Pick<ClientTarget, 'origin' | 'model' | 'embeddingModel'> {
  close(): Promise<void>;
}

/** Every client against one server, and every answer against OpenAI's document. */
export function testClients(place: ClientPlace, open: () => Promise<ClientServer>): void {
  if (missingDocument !== undefined) console.warn(`answers are not held against OpenAI's schemas: ${missingDocument}`);
  describe(`clients against ${place === 'gateway' ? 'a gateway' : place}`, () => {
    const watched = createWatchedFetch();
    let server: ClientServer;
    let target: ClientTarget;
    let assertSchema: AssertSchema | undefined;

    beforeAll(async () => {
      server = await open();
      target = { ...server, fetch: watched.fetch, ...(await readAnswer(server)) };
      if (missingDocument === undefined) assertSchema = openDocument();
    });
    afterEach(async () => {
      if (assertSchema !== undefined) await watched.check(assertSchema);
    });
    afterAll(() => server?.close());

    for (const client of new Set(ALL_CASES.map((each) => each.client))) {
      describe(client, () => {
        for (const { feature, except, run } of ALL_CASES.filter((each) => each.client === client)) {
          if (except?.place === place) it.fails(`${feature} (${except.why})`, () => run(target));
          else it(feature, () => run(target));
        }
      });
    }
  });
}

/** By plain HTTP, so that no client is compared with itself. */
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
  const stop = answer.trim().split(' ')[5] ?? '';
  expect(stop, `the answer ${JSON.stringify(answer)} has too few words`).not.toBe('');
  return { answer, stop };
}
