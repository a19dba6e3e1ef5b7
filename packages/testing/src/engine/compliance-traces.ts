import type { TextEngine, TextGenerationRequest } from '@ogong/engine/interface/text';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import type { SketchRow } from '@ogong/protocol/commitment/sketch';
import {
  type DrawRow,
  decodeDraws,
  decodeSketch,
  encodeDraws,
  encodeSketch,
  expandRuns,
  WINDOW_TOKENS,
} from '@ogong/protocol/modality/text/commitment/window';
import { NAT, PLAIN_SAMPLER } from '@ogong/protocol/modality/text/sampling/sampler';
import { expect, it } from 'vitest';
import { collectReply, createRequest, createScoreRequest, hexOf, NO_END, SKETCH } from './compliance-requests.ts';

/** The window of one position, cut out of a reply's. */
function cutRow(windows: readonly WindowBytes[], position: number, vocabularySize: number): WindowBytes {
  const { draws, sketch } = windows[Math.floor(position / WINDOW_TOKENS)] as WindowBytes;
  const index = position % WINDOW_TOKENS;
  const { rows, runs } = decodeDraws(draws, { vocabularySize });
  const shapeClass = expandRuns(runs)[index] as number;
  return {
    draws: encodeDraws({ rows: [rows[index] as DrawRow], runs: [{ length: 1, shapeClass }] }, { vocabularySize }),
    sketch: encodeSketch([decodeSketch(sketch, SKETCH)[index] as SketchRow]),
  };
}

/** Tests that every engine with traces must pass. */
export function describeTraces(engineOf: () => TextEngine, prompt: string): void {
  const generate = (request: TextGenerationRequest) => collectReply(engineOf().generate(request));

  it('traces a position to the same row as a score, with the same hashes each time', async () => {
    const request = createRequest(prompt, {
      maxTokens: 40,
      bias: NO_END,
      sampler: { ...PLAIN_SAMPLER, presencePenaltyQ16: NAT / 2 },
    });
    const reply = await generate(request);
    const score = createScoreRequest(engineOf(), request, reply);
    const { windows } = await engineOf().score(score);
    expect(engineOf().info().capabilities.trace).toBe(true);
    const traces = [];
    for (const position of [0, 1, 31, 32, 39]) {
      const trace = await engineOf().trace({ ...score, position });
      expect(trace).toMatchObject({ exact: true, numericClass: engineOf().info().numericClass });
      expect(hexOf([trace.row])).toEqual(hexOf([cutRow(windows, position, engineOf().info().vocabularySize)]));
      for (const hash of trace.stages) expect(hash).toHaveLength(32);
      const hexes = trace.stages.map((hash) => Buffer.from(hash).toString('hex'));
      expect(new Set(hexes).size).toBe(hexes.length);
      traces.push(hexes);
      const again = await engineOf().trace({ ...score, position });
      expect(again.stages).toEqual(trace.stages);
    }
    expect(new Set(traces.map(({ length }) => length)).size).toBe(1);
    expect(new Set(traces.map((hexes) => hexes.at(-1))).size).toBe(traces.length);
  });

  it('gives other hashes for another prefix, and the same hashes for other later tokens', async () => {
    const request = createRequest(prompt, { maxTokens: 8, bias: NO_END });
    const reply = await generate(request);
    const score = createScoreRequest(engineOf(), request, reply);
    const bend = (at: number) =>
      score.outputTokens.map((token, i) => (i === at ? (token + 1) % engineOf().info().vocabularySize : token));
    const trace = await engineOf().trace({ ...score, position: 4 });
    const later = await engineOf().trace({ ...score, outputTokens: bend(5), position: 4 });
    expect(later.stages).toEqual(trace.stages);
    const before = await engineOf().trace({ ...score, outputTokens: bend(2), position: 4 });
    // The token is the same, but attention sees another past.
    expect(before.stages.at(-1)).not.toEqual(trace.stages.at(-1));
  });

  it.each([-1, 8, 0.5, Number.NaN])('rejects a trace of position %s of eight', async (position) => {
    const request = createRequest(prompt, { maxTokens: 8, bias: NO_END });
    const score = createScoreRequest(engineOf(), request, await generate(request));
    await expect(engineOf().trace({ ...score, position })).rejects.toMatchObject({ code: 'invalid-request' });
  });

  it('rejects a trace of a reply that cannot be scored, and ends one that is cancelled', async () => {
    const request = createRequest(prompt, { maxTokens: 4 });
    const score = createScoreRequest(engineOf(), request, await generate(request));
    const listSizes = score.listSizes.map(() => 65);
    await expect(engineOf().trace({ ...score, listSizes, position: 0 })).rejects.toMatchObject({
      code: 'invalid-request',
    });
    const controller = new AbortController();
    const running = engineOf().trace({ ...score, position: 0 }, { signal: controller.signal });
    controller.abort();
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
    expect((await engineOf().trace({ ...score, position: 0 })).stages.length).toBeGreaterThan(3);
  });
}
