import type { RegistryName } from '@ogong/chain/registry/model-registry';
import { createModelRoots, findWeightsProblem } from '@ogong/host/views/model-roots';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { computeSpanAround } from '@ogong/protocol/exchange/order-span';
import type { Trust } from '@ogong/protocol/stage1/trust';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { createFakeModelRegistry } from '@ogong/testing/chain/fake-model-registry';
import { describeWeights } from '@ogong/testing/chain/model-registry-compliance';
import { createSyntheticReceipt, type SyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { inventedParties } from '../../attackers/protocol/network/invented-parties.ts';
import { nameSquatter, type SquatOutcome } from '../../attackers/protocol/network/name-squatter.ts';
import { RESUMED_BY, resumedPrefix } from '../../attackers/protocol/providers/resumed-prefix.ts';
import { DOWNGRADES, silentDowngrade } from '../../attackers/protocol/providers/silent-downgrade.ts';
import { tinyModel } from '../../attackers/protocol/providers/tiny-model.ts';
import type { AttackCourse, StagedAttack } from './scene.ts';

const NO_MONEY = 'none: nobody paid for the answer';

interface SoldReply extends Pick<SyntheticReceipt, 'receipt' | 'nowMs'> {
  readonly reply: Pick<SyntheticReceipt['reply'], 'request' | 'response'>;
}

async function judge({ receipt, reply: { request, response }, nowMs }: SoldReply, trust: Trust) {
  const { ok, checks } = await verifyReceipt(receipt, { crypto, request, response, trust, nowMs });
  const failed = checks.filter(({ status }) => status === 'fail');
  const missing = checks.filter(({ status }) => status === 'skip');
  return {
    ok,
    lines: [
      `${checks.length - failed.length - missing.length} of ${checks.length} checks of the receipt hold`,
      ...failed.map(({ id, detail }) => `${id} fails: ${detail}`),
      ...missing.map(({ id, detail }) => `${id} cannot be made: ${detail}`),
    ],
  };
}

/** What a consumer finds in a receipt whose parties somebody invented. */
export async function judgeInvented(sold: SyntheticReceipt, trust: Trust): Promise<AttackCourse> {
  const { ok, lines } = await judge(sold, trust);
  return {
    tried: 'signed an answer in the place of payer, router and provider, on the real chain, and gave it to a consumer',
    answered: lines,
    money: NO_MONEY,
    worked: ok,
  };
}

/** How the attempts to get at a name ended. */
export function tellSquatted(name: RegistryName, { lookalike, ...calls }: SquatOutcome): AttackCourse {
  return {
    tried: `claimed the name ${name.maker}, published weights under it, revoked its weights, and took it over`,
    answered: [
      ...Object.entries(calls).map(([call, end]) => `${call}: ${end}`),
      `a name of its own that looks alike: ${lookalike}`,
    ],
    money: 'fees of the name that it got, as everybody pays them',
    worked: Object.values(calls).includes('done'),
  };
}

/** What a consumer knows of a network, and the attacker does not have. */
export function createConsumerTrust(): Trust {
  return createSyntheticReceipt({
    ...{ crypto, tokens: 3, ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(5) } },
    provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
    router: createNobleHybridSigner(new Uint8Array(64).fill(2)),
    payer: createNobleLedgerSigner(new Uint8Array(32).fill(3)),
  }).trust;
}

/** Those who want a consumer to take an answer for what it is not. */
export const consumerScenes: readonly StagedAttack[] = [
  {
    attack: inventedParties,
    async play() {
      const trust = createConsumerTrust();
      const { ledger } = trust;
      if (ledger === undefined) throw new Error('the consumer knows no ledger');
      return judgeInvented(inventedParties.play({ crypto, ledger, invents: 'unseen' }), trust);
    },
  },
  {
    attack: tinyModel,
    async play() {
      const trust = createConsumerTrust();
      const { ledger } = trust;
      if (ledger === undefined) throw new Error('the consumer knows no ledger');
      const router = createNobleHybridSigner(new Uint8Array(64).fill(2));
      const modelId = 'ogong/verified/test/synthetic';
      const { offer, sold } = tinyModel.play({ crypto, ledger, router, modelId });
      const problem = findWeightsProblem(
        createModelRoots(trust.modelRoots ?? {}),
        offer,
        computeSpanAround(sold.nowMs),
      );
      const { ok, lines } = await judge(sold, trust);
      return {
        tried: `announced its own weights as ${modelId}, and served an honest reply of them`,
        answered: [`router and gateway: ${problem ?? 'the offer is taken'}`, ...lines],
        money: problem === undefined ? 'the price of the large model' : 'none: the offer is not listed',
        worked: ok || problem === undefined,
      };
    },
  },
  {
    attack: silentDowngrade,
    async play() {
      const trust = createConsumerTrust();
      const { ledger } = trust;
      if (ledger === undefined) throw new Error('the consumer knows no ledger');
      const router = createNobleHybridSigner(new Uint8Array(64).fill(2));
      const [checked, unchecked] = ['ogong/verified/test/synthetic', 'ogong/vanilla/test/synthetic'];
      const played = DOWNGRADES.map(async (by) => {
        const { sold } = silentDowngrade.play({ crypto, ledger, router, checked, unchecked, by });
        const { ok, lines } = await judge(sold, trust);
        return { ok, lines: lines.map((line) => `${by}: ${line}`) };
      });
      const courses = await Promise.all(played);
      return {
        tried: `signed answers of an unchecked server for requests of ${checked}: by ${DOWNGRADES.join(', ')}`,
        answered: courses.flatMap(({ lines }) => lines),
        money: NO_MONEY,
        worked: courses.some(({ ok }) => ok),
      };
    },
  },
  {
    attack: resumedPrefix,
    async play() {
      const trust = createConsumerTrust();
      const { ledger } = trust;
      if (ledger === undefined) throw new Error('the consumer knows no ledger');
      const router = createNobleHybridSigner(new Uint8Array(64).fill(2));
      const played = RESUMED_BY.map(async (by) => {
        const { ok, lines } = await judge(resumedPrefix.play({ crypto, ledger, router, by }), trust);
        return { ok, lines: lines.map((line) => `${by}: ${line}`) };
      });
      const courses = await Promise.all(played);
      return {
        tried: `showed a beginning of its own, died, and had a friend go on that ${RESUMED_BY.join(', ')}`,
        answered: courses.flatMap(({ lines }) => lines),
        money: NO_MONEY,
        worked: courses.some(({ ok }) => ok),
      };
    },
  },
  {
    attack: nameSquatter,
    async play() {
      const registry = createFakeModelRegistry();
      const name = { maker: 'acme', model: 'large' };
      const maker = registry.connect(`0x${'01'.repeat(20)}`);
      await maker.claimMaker(name.maker);
      await maker.publishModel(name, describeWeights('aa'));
      const address = `0x${'02'.repeat(20)}` as const;
      const account = { address, client: registry.connect(address) };
      return tellSquatted(name, await nameSquatter.play({ account, name, own: describeWeights('bb') }));
    },
  },
];
