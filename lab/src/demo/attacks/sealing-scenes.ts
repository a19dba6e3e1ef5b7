import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { createGatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { createNetwork } from '@ogong/testing/provider/provider-fixture';
import { softwareMachine, softwarePolicy, TEE_MODEL_ID } from '@ogong/testing/provider/software-machine';
import type { Breaks } from '../../attackers/protocol/breaks.ts';
import { dishonestRelay, openRelayedNode } from '../../attackers/protocol/network/dishonest-relay.ts';
import { lyingOffer } from '../../attackers/protocol/network/lying-offer.ts';
import { openPaidRelay, resetLinks } from '../../attackers/protocol/network/reset-links.ts';
import { strippedSeal } from '../../attackers/protocol/network/stripped-seal.ts';
import { unsealingGateway } from '../../attackers/protocol/network/unsealing-gateway.ts';
import { downgradedChannel } from '../../attackers/protocol/payers/downgraded-channel.ts';
import { replayedUnits } from '../../attackers/protocol/payers/replayed-units.ts';
import { answerGuesser } from '../../attackers/protocol/providers/answer-guesser.ts';
import type { StagedAttack } from './scene.ts';

const NO_MONEY = 'none';
const SEALED_MARKER = 'words that stand in no ciphertext';

/** Those who carry what consumers and providers say to each other. */
export const sealingScenes: readonly StagedAttack[] = [
  {
    attack: strippedSeal,
    async play(breaks: Breaks) {
      const network = await createNetwork();
      try {
        const given = { network, by: 'denies', marker: SEALED_MARKER } as const;
        const { refused, seenBytes, read } = await strippedSeal.play(given, breaks);
        return {
          tried: 'stood before a provider, and told a gateway that requires seals that this provider has no seal key',
          answered: [refused ?? 'the gateway called', `${seenBytes} bytes of the request passed`],
          money: NO_MONEY,
          worked: refused === undefined || read,
        };
      } finally {
        await network.close();
      }
    },
  },
  {
    attack: downgradedChannel,
    async play(breaks: Breaks) {
      const network = await createNetwork({ modelId: TEE_MODEL_ID, attester: softwareMachine });
      try {
        const given = {
          network,
          policy: softwarePolicy,
          by: 'replaces the attested key',
          marker: SEALED_MARKER,
        } as const;
        const { refused, seenBytes } = await downgradedChannel.play(given, breaks);
        return {
          tried: 'stood before a machine of tier tee, and put a key of its own beside the evidence of the machine',
          answered: [refused ?? 'the gateway called', `${seenBytes} bytes of the request passed`],
          money: NO_MONEY,
          worked: refused === undefined || seenBytes > 0,
        };
      } finally {
        await network.close();
      }
    },
  },
  {
    attack: replayedUnits,
    async play(breaks: Breaks) {
      const network = await createNetwork();
      try {
        const outcome = await replayedUnits.play({ network, marker: SEALED_MARKER }, breaks);
        const { carriedBytes, read, changed, again, elsewhere } = outcome;
        const refusals = [...Object.values(changed), again, elsewhere];
        return {
          tried: `carried ${carriedBytes} bytes of a sealed reply, then ${Object.keys(changed).join(', ')}, and sent the request again`,
          answered: [
            read ? 'prompt or answer stood in what passed' : 'neither prompt nor answer stood in what passed',
            ...refusals.map((refusal) => refusal ?? 'it was taken'),
          ],
          money: NO_MONEY,
          worked: read || refusals.includes(undefined),
        };
      } finally {
        await network.close();
      }
    },
  },
  {
    attack: answerGuesser,
    async play() {
      const { hashes, guesses, found } = answerGuesser.play({ salt: '5a'.repeat(16) });
      const bare = answerGuesser.play({});
      return {
        tried: `tried ${guesses} guesses on ${hashes} hashes of a reply of one word`,
        answered: [
          `found of a salted request: ${found.join(', ') || 'nothing'}`,
          `of one without a salt, whose prompt it knows: ${bare.found.join(', ') || 'nothing'}`,
        ],
        money: NO_MONEY,
        worked: found.length > 0,
      };
    },
  },
  {
    attack: unsealingGateway,
    async play() {
      const seals = { seals: true };
      const fixture = await createGatewayFixture({ providers: [seals, seals, seals] });
      try {
        const outcome = await unsealingGateway.play({ fixture, marker: SEALED_MARKER });
        const { answered, refused, read } = outcome;
        const said = Object.entries(refused).map(([what, code]) => `${what}: ${code ?? 'it was taken'}`);
        return {
          tried: `passed a sealed call ${answered ? 'that was answered' : 'in vain'}, then ${Object.keys(refused).join(', ')}`,
          answered: [read ? 'the prompt stood in what it was sent' : 'no prompt stood in what it was sent', ...said],
          money: NO_MONEY,
          worked: read || !answered || Object.values(refused).includes(undefined),
        };
      } finally {
        await fixture.close();
      }
    },
  },
  {
    attack: lyingOffer,
    async play(breaks: Breaks) {
      const texts = await createNetwork();
      const vectors = await createNetwork({ realEngine: createFakeEmbeddingEngine() });
      try {
        const { answered, refused, accused, admitted } = await lyingOffer.play({ texts, vectors }, breaks);
        const lies = Object.keys(refused).join(', ');
        return {
          tried: `had ${answered ? 'true offers answered' : 'no true offer answered'}, then lied in ${lies}`,
          answered: [
            ...Object.entries(refused).map(([field, why]) => `${field}: ${why ?? 'it was served'}`),
            accused.length === 0 ? 'nobody was accused' : `accused for ${accused.join(', ')}`,
          ],
          money: admitted === 0 ? NO_MONEY : `${admitted} orders were admitted`,
          worked: !answered || Object.values(refused).includes(undefined) || accused.length > 0 || admitted > 0,
        };
      } finally {
        await texts.close();
        await vectors.close();
      }
    },
  },
  {
    attack: dishonestRelay,
    async play(breaks: Breaks) {
      const node = await openRelayedNode();
      try {
        const { honest, read, cheated } = await dishonestRelay.play(node, breaks);
        const isRead = read.includes(node.says);
        const taken = Object.entries(cheated).filter(([, outcome]) => 'told' in outcome);
        return {
          tried: `carried a call to ${honest}, then ${Object.keys(cheated).join(', ')}`,
          answered: [
            isRead
              ? 'the answer stood in what passed'
              : `the answer did not stand in the ${read.length} bytes that passed`,
            ...Object.entries(cheated).map(([what, outcome]) =>
              'told' in outcome ? `${what}: it was taken` : `${what}: ${outcome.error}`,
            ),
          ],
          money: NO_MONEY,
          worked: isRead || taken.length > 0,
        };
      } finally {
        await node.close();
      }
    },
  },
  {
    attack: resetLinks,
    async play() {
      const relay = await openPaidRelay();
      try {
        const { sentBytes, junkBytes, reached, chargedBytes, uncountedBytes } = await resetLinks.play(relay);
        return {
          tried: `had a relay take ${sentBytes} bytes for a node that did not answer, and up to ${junkBytes} in handshakes that failed`,
          answered: [reached ? 'somebody else reached the node then' : 'nobody reached the node any more'],
          money: `the node is charged with ${uncountedBytes > 0n ? uncountedBytes : 0n} bytes that it did not count`,
          worked: !reached || chargedBytes >= BigInt(sentBytes) || uncountedBytes > 0n,
        };
      } finally {
        await relay.close();
      }
    },
  },
];
