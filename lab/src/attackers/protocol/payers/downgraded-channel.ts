import type { MachinePolicy } from '@ogong/attestation/policy-file';
import type { EvidenceAnswer } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { Network } from '@ogong/testing/provider/provider-fixture';
import { createNetwork } from '@ogong/testing/provider/provider-fixture';
import { openRelayedCalls, type Relay } from '@ogong/testing/provider/relayed-calls';
import { softwareMachine, softwarePolicy, TEE_MODEL_ID } from '@ogong/testing/provider/software-machine';
import { defineAttack } from '../define-attack.ts';

/** `withholds`: no seal key beside the evidence. `replaces`: evidence of the machine beside an attested key of its own. */
export const CHANNEL_BENDS = ['withholds the seal key', 'replaces the attested key', 'shows old evidence'] as const;
export type ChannelBend = (typeof CHANNEL_BENDS)[number];

interface DowngradedChannel {
  /** Its provider serves tier `tee`. */
  readonly network: Network;
  readonly policy: MachinePolicy;
  readonly by: ChannelBend;
  readonly marker: string;
}

function bend(by: ChannelBend, answer: EvidenceAnswer, old: Uint8Array): EvidenceAnswer {
  if (by === 'replaces the attested key') return { ...answer, attestedKey: new Uint8Array(32).fill(0x5e) };
  if (by === 'shows old evidence') return { ...answer, evidence: old };
  const { sealKey: _, ...rest } = answer;
  return rest as EvidenceAnswer;
}

/** A relay that ends the TLS of a machine tries to make a consumer seal a request to another key. */
export const downgradedChannel = defineAttack({
  name: 'downgraded-channel',
  adversary: 'relay with the TLS key of a tee provider that alters machine evidence',
  aim: 'read the prompts that it carries',
  stoppedBy: 'A consumer asks the machine with a fresh nonce, and seals only to the key in its report',
  restarts: ['provider'],
  async play({ network, policy: machinePolicy, by, marker }: DowngradedChannel, breaks) {
    breaks.add('provider', network.restart);
    let old = new Uint8Array();
    const bendEvidence: Relay['bendEvidence'] = (answer) => bend(by, answer, old);
    const calls = await openRelayedCalls(network, { relay: { bendEvidence }, machinePolicy });
    try {
      const { evidence } = await calls.askMachine(new Uint8Array(32).fill(1));
      old = new Uint8Array(evidence);
      await breaks.take();
      const refused = await calls.call({ body: { messages: [{ role: 'user', content: marker }] } }).then(
        () => undefined,
        (error: Error) => error.message,
      );
      return { refused, seenBytes: calls.seen.reduce((sum, { length }) => sum + length, 0) };
    } finally {
      await calls.close();
    }
  },
  async stage({ play, keep }) {
    const network = keep(await createNetwork({ modelId: TEE_MODEL_ID, attester: softwareMachine }));
    const given = {
      network,
      policy: softwarePolicy,
      by: 'replaces the attested key',
      marker: 'words that stand in no ciphertext',
    } as const;
    const { refused, seenBytes } = await play(given);
    return {
      tried: 'stood before a machine of tier tee, and put a key of its own beside the evidence of the machine',
      answered: [refused ?? 'the gateway called', `${seenBytes} bytes of the request passed`],
      worked: refused === undefined || seenBytes > 0,
    };
  },
});
