import type { TextEngine, TextGenerationRequest, TextScoringRequest } from '@ogong/engine/interface/text';
import { expect, it } from 'vitest';
import { collectReply, createRequest, createScoreRequest, hexOf, NO_END } from './compliance-requests.ts';

const BLIND = new Uint8Array(32).fill(0x5b);

/** Rules of every engine that shows the rows between layers. */
export function describeEdges(engineOf: () => TextEngine, prompt: string): void {
  const layersOf = (): number => engineOf().info().layers as number;
  const score = (request: TextScoringRequest, layers: readonly number[]) =>
    engineOf().score({ ...request, edges: { layers, blind: BLIND } });
  const openScore = async (overrides: Partial<TextGenerationRequest> = {}): Promise<TextScoringRequest> => {
    const request = createRequest(prompt, { maxTokens: 40, bias: NO_END, ...overrides });
    return createScoreRequest(engineOf(), request, await collectReply(engineOf().generate(request)));
  };

  it('commits to the rows of all tokens but the last at each edge, and changes no window', async () => {
    const request = await openScore();
    const plain = await engineOf().score(request);
    const { embeddingSize } = engineOf().info();
    const all = Array.from({ length: layersOf() - 1 }, (_, i) => i + 1);
    const shown = await score(request, all);
    expect(hexOf(shown.windows)).toEqual(hexOf(plain.windows));
    const positions = request.promptTokens.length + request.outputTokens.length - 1;
    for (const { rows, sketches, ...edge } of shown.edges ?? []) {
      expect(edge.positions).toBe(positions);
      expect(rows.bytes).toBe(4 * embeddingSize * positions);
      expect(sketches).toHaveLength(Math.ceil(positions / 32));
    }
    expect(new Set(shown.edges?.map(({ rows }) => Buffer.from(rows.root).toString('hex'))).size).toBe(all.length);
    // Rows of an earlier pass, and other edges, change nothing.
    const again = await score(request, all.slice(-1));
    expect(again.cachedTokens).toBe(0);
    expect(again.edges).toEqual(shown.edges?.slice(-1));
    expect(plain.edges).toBeUndefined();
  });

  it('gives other rows for another token, but not for another last token, which has no row', async () => {
    const request = await openScore({ maxTokens: 6 });
    const bend = (at: number): TextScoringRequest => ({
      ...request,
      outputTokens: request.outputTokens.map((token, i) =>
        i === at ? (token + 1) % engineOf().info().vocabularySize : token,
      ),
    });
    const { edges } = await score(request, [1]);
    expect((await score(bend(5), [1])).edges).toEqual(edges);
    expect((await score(bend(4), [1])).edges?.[0]?.rows.root).not.toEqual(edges?.[0]?.rows.root);
    const other = await engineOf().score({ ...request, edges: { layers: [1], blind: BLIND.with(0, 1) } });
    expect(other.edges?.[0]?.sketches).toEqual(edges?.[0]?.sketches);
    expect(other.edges?.[0]?.rows.root).not.toEqual(edges?.[0]?.rows.root);
  });

  it('rejects edges that its model does not have', async () => {
    const request = await openScore({ maxTokens: 2 });
    for (const layers of [[0], [layersOf()], [2, 1], [1, 1], [1.5], [Number.NaN]])
      await expect(score(request, layers)).rejects.toMatchObject({ code: 'invalid-request' });
    const short = { layers: [1], blind: new Uint8Array(31) };
    await expect(engineOf().score({ ...request, edges: short })).rejects.toMatchObject({ code: 'invalid-request' });
  });

  it('ends a score with edges that is cancelled, and goes on', async () => {
    const request = await openScore({ maxTokens: 4 });
    const edges = { layers: [1], blind: BLIND };
    const controller = new AbortController();
    const running = engineOf().score({ ...request, edges }, { signal: controller.signal });
    controller.abort();
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
    const [first, second] = await Promise.all([score(request, [1]), score(request, [1])]);
    expect(first.edges).toEqual(second.edges);
  });
}
