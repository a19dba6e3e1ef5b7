import { expect, it } from 'vitest';
import { createBreaks } from '../breaks.ts';
import { stolenSigningKey } from './stolen-signing-key.ts';

it.each([false, true])(
  'a stolen signing key is one vote, until its account replaces it (restart: %s)',
  async (restarts) => {
    const breaks = createBreaks();
    const outcome = await stolenSigningKey.play({}, restarts ? breaks : undefined);
    const byAll = (answer: string) => [answer, answer, answer];
    expect(outcome).toEqual({
      falseVerdict: { answers: byAll('entry 0: the evidence says reject, not accept'), votes: 100n, isQuorum: false },
      secondLog: { answers: byAll('entry 0: another log was signed'), votes: 100n, isQuorum: false },
      withoutCertificate: byAll('the batch belongs to another validator than the caller'),
      signer: 'entry 0: another log of this validator was signed',
      honest: { answers: byAll('signed'), settled: 3 },
      forged: 0,
      revoked: { votes: 0n, admission: expect.stringContaining('did not sign') },
    });
    breaks.end();
  },
);
