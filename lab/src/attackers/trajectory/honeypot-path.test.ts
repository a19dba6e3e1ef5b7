import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TrajectoryEngine } from '@ogong/engine/interface/trajectory';
import { toHex } from '@ogong/protocol/base/bytes';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import { afterAll, describe, expect, it } from 'vitest';
import { type AttackPath, openAttackPath } from '../attack-path.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-honeypot-path-'));
const sold = createFakeTrajectoryEngine();
const other = createFakeTrajectoryEngine({ weights: 2 });
afterAll(async () => {
  await Promise.all([sold, other].map((engine) => engine.close()));
  rmSync(directory, { recursive: true, force: true });
});

const ALWAYS = 1_000_000;
const PICTURES = 8;
const REQUEST = { prompt: 'a red ship', size: '32x32', steps: 6 };

type RunStep = TrajectoryEngine['runStep'];

/** The work of one verifier on the job of a honeypot. @param outputs of the provider, by step. */
type Trapped = (honest: RunStep, outputs: ReadonlyMap<number, Float32Array>) => RunStep;

interface Answered {
  readonly outcome: string;
  /** Marks of the entry; the honeypot's verifier is the last one. */
  readonly marks: readonly string[];
  /** The job has a latent that the provider's step did not have. */
  readonly isReplaced: boolean;
}

/**
 * Plays pictures whose audits all have a pair of honest verifiers, and a honeypot while a verifier without a failed answer is left.
 * @returns the honeypots.
 */
async function play(name: string, trapped: Trapped): Promise<readonly Answered[]> {
  const outputs = new Map<number, Float32Array>();
  const latents = new Map<number, string>();
  let isReplaced = false;
  const provider: TrajectoryEngine = {
    ...sold,
    async *generate(request, options) {
      for await (const one of sold.generate(request, options)) {
        latents.set(one.step, String(one.latent));
        if (one.output) outputs.set(one.step, one.output);
        yield one;
      }
    },
  };
  const path: AttackPath = await openAttackPath(sold, directory, {
    ...{ verifiers: 4, audit: { pairPpm: ALWAYS, honeypotPpm: ALWAYS } },
    bendVerifier: (keyHash) => ({
      ...sold,
      runStep(request, at, options) {
        const open = path.store.prepare('SELECT key_hash FROM honeypots WHERE outcome IS NULL').all();
        if (!open.some((row) => toHex(row.key_hash as Uint8Array) === toHex(keyHash)))
          return sold.runStep(request, at, options);
        isReplaced ||= latents.get(at.step) !== String(at.latent);
        return trapped(sold.runStep, outputs)(request, at, options);
      },
    }),
  });
  try {
    const { ask, close } = await path.start(name, { engine: provider });
    try {
      const answered: Answered[] = [];
      for (let i = 0; i < PICTURES; i++) {
        isReplaced = false;
        const { verdict, confirm } = await ask(REQUEST, 'image');
        // A co-signer computes the same marks from the evidence.
        await confirm();
        expect(verdict.verdict).toBe('accept');
        const row = path.store.prepare('SELECT outcome FROM honeypots WHERE reply_id = ?').get(verdict.replyId);
        const marks = verdict.verifiers.map(({ outcome }) => outcome);
        if (row !== undefined) answered.push({ outcome: String(row.outcome), marks, isReplaced });
      }
      return answered;
    } finally {
      await close();
    }
  } finally {
    await path.close();
  }
}

const PASSED = { outcome: 'passed', marks: ['credited', 'credited', 'credited'] };
const CAUGHT = { outcome: 'failed', marks: ['credited', 'credited', 'refuted'] };

describe('the verifier of a planted picture', () => {
  it('passes if it runs the model, and shows both kinds of jobs', async () => {
    const answered = await play('honest', (honest) => honest);
    expect(answered).toHaveLength(PICTURES);
    expect(answered).toEqual(answered.map(({ isReplaced }) => ({ ...PASSED, isReplaced })));
    expect(new Set(answered.map(({ isReplaced }) => isReplaced))).toEqual(new Set([true, false]));
  });

  it('is caught if it invents the outputs', async () => {
    const answered = await play('inventor', () => other.runStep);
    expect(answered.length).toBeGreaterThan(1);
    expect(answered).toEqual(answered.map(({ isReplaced }) => ({ ...CAUGHT, isReplaced })));
  });

  it('is caught at a replaced latent if it copies the outputs of the provider', async () => {
    const answered = await play('copier', (honest, outputs) => async (request, at, options) => ({
      ...(await honest(request, at, options)),
      output: outputs.get(at.step) as Float32Array,
    }));
    const expected = answered.map(({ isReplaced }) => ({ ...(isReplaced ? CAUGHT : PASSED), isReplaced }));
    expect(answered).toEqual(expected);
    expect(new Set(answered.map(({ isReplaced }) => isReplaced))).toEqual(new Set([true, false]));
  });
});
