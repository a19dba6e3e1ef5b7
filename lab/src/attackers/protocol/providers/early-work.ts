import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { computeDrawInput, drawArrivals } from '@ogong/protocol/audit/secret-draw';
import { computeSubject } from '@ogong/protocol/audit/test-report';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { computeVrfPublicKey, proveVrf } from '@ogong/protocol/crypto/vrf';
import { MODEL, MODEL_ROOT } from '@ogong/testing/validator/test-reply';
import { createTimedBench, nameWork, reportWritten, TIMED_KEYS, timedIdOf } from '@ogong/testing/validator/timed-bench';
import { createTimedJobs, toMessage } from '@ogong/validator/canary/timed-job';
import { defineAttack } from '../define-attack.ts';

interface EarlyWorkNetwork {
  readonly epochs: number;
  /**
   * `before`: the data that is known when an epoch begins. `all`: the epoch's value as well, as if the work did not
   * depend on the beacon.
   */
  readonly knows: 'before' | 'all';
}

const FRIEND = 'friend';
const VALIDATOR = new Uint8Array(20);
const RATE_PPM = 1_000_000;
const beaconOf = (epoch: bigint): Uint8Array => crypto.sha256(utf8Encode(`early beacon ${epoch}`));

/**
 * A validator tells a friend, whose key has no device behind it, the work of its challenges before they come. It knows
 * its own draw key, its job secret, the model and every earlier value, but must guess the value of the epoch.
 */
export const earlyWork = defineAttack({
  name: 'early-work',
  adversary: 'validator that gives a friend the work of its challenges in advance',
  aim: 'have a key without a device answer timed challenges',
  stoppedBy: 'The work of a challenge follows from the beacon of its epoch, which nobody knows before',
  restarts: { none: 'the friend keeps what it was told, and it is of no use' },
  async play({ epochs, knows }: EarlyWorkNetwork) {
    const stored = new Map<string, Uint8Array>();
    const bench = await createTimedBench({
      ...{ names: [FRIEND, 'first', 'second', 'third'], ratePpm: RATE_PPM, beaconOf },
      answer(name, job) {
        if (name !== FRIEND) return reportWritten(job);
        const report = stored.get(nameWork(job));
        if (report === undefined) throw new Error('it has no device');
        // The number of the job is new; the work is what it was told.
        return reportWritten(job);
      },
    });
    try {
      for (let epoch = 1n; epoch <= BigInt(epochs); epoch++) {
        const guesses =
          knows === 'all'
            ? [beaconOf(epoch)]
            : [beaconOf(epoch - 1n), crypto.sha256(beaconOf(epoch - 1n)), new Uint8Array(32)];
        for (const beacon of guesses) {
          const input = computeDrawInput(crypto, { kind: 'timed', epoch, beacon });
          const proof = proveVrf(TIMED_KEYS.vrfSeed, input);
          const output = crypto.verifyVrf(computeVrfPublicKey(TIMED_KEYS.vrfSeed), input, proof) as Uint8Array;
          const subject = computeSubject({ providerId: timedIdOf(FRIEND), modelRoot: MODEL_ROOT });
          for (const arrival of drawArrivals(crypto, output, { subject, meanPpm: RATE_PPM }).keys()) {
            const texts = {
              epoch,
              output,
              subject,
              arrival,
              header: bench.header,
              modelId: MODEL,
              modelRoot: MODEL_ROOT,
            };
            const asker = { crypto, validator: VALIDATOR, jobSecret: TIMED_KEYS.jobSecret };
            for (const job of createTimedJobs(asker, texts, timedIdOf(FRIEND))) {
              const message = toMessage(job, 1);
              stored.set(nameWork(message), reportWritten(message));
            }
          }
        }
      }
      bench.run(BigInt(epochs));
      await bench.settle();
      const outcomes = bench.outcomesOf(FRIEND);
      return {
        handed: stored.size,
        challenges: outcomes.length,
        answered: outcomes.filter((one) => one === 'answered').length,
      };
    } finally {
      await bench.close();
    }
  },
  async stage({ play }) {
    const { handed, challenges, answered } = await play({ epochs: 10, knows: 'before' });
    return {
      tried: `told a friend ${handed} texts before the epochs whose challenges they might be`,
      answered: [`the friend answered ${answered} of ${challenges} challenges`],
      worked: answered > 0 || handed <= 20 || challenges <= 3,
    };
  },
});
