import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import type { Check } from '@ogong/protocol/base/checks';
import {
  findOverAdmission,
  isConvicted,
  judgeOverAdmission,
  MAX_EVIDENCE_ORDERS,
  type OverAdmission,
} from '@ogong/protocol/exchange/over-admission';
import { listAdmissions } from '@ogong/provider/provider/orders/admissions';
import {
  createNetwork,
  ledger,
  type Network,
  PRICE,
  receive,
  validatorSigner,
} from '@ogong/testing/provider/provider-fixture';
import { defineAttack } from '../define-attack.ts';

const ORDERS = 20;
const UNPAID_REPLY_TOKENS = 16;

/** The validator calls every order admitted, and neither counts what the payer's channel holds nor settles anything. */
export const overAdmission = defineAttack({
  name: 'over-admission',
  adversary: 'validator in league with a payer',
  aim: 'have a provider work for more than the payer has set aside, with a validator that says that all of it is covered',
  stoppedBy:
    'The provider limits its credit to the channel that it reads, and its stored admissions convict the validator',
  restarts: ['provider'],
  async play(network: Network, breaks) {
    breaks.add('provider', network.restart);
    let owedAtomic = 0n;
    for (let served = 0; served < ORDERS; served++) {
      if (served % 2 === 1) await breaks.take();
      const body = { max_tokens: UNPAID_REPLY_TOKENS, seed: served };
      try {
        const { promptTokens, finished } = await receive(network.client, network.order({ body, nonce: served }));
        owedAtomic += (BigInt(promptTokens + finished.outputTokens) * PRICE + 999n) / 1_000n;
      } catch (error) {
        if (!(error instanceof LinkError)) throw error;
        return { served, owedAtomic, refusal: error.message, admissions: readAdmissions(network) };
      }
    }
    return { served: ORDERS, owedAtomic, refusal: '', admissions: readAdmissions(network) };
  },
  async stage({ play, keep }) {
    const holds = 10_300_000n;
    const channel = { admitted: holds, spent: 0n, releasing: 0n, releasableAt: 0n, spendable: holds };
    const network = keep(await createNetwork({ channel }));
    const { served, owedAtomic, refusal, admissions } = await play(network);
    const isCaught = isConvicted(judgeAdmissions(admissions, holds));
    return {
      tried: `ordered on a channel that holds ${holds} atomic units; its validator calls every order covered`,
      answered: [
        `${served} replies, then: ${refusal || 'no refusal'}`,
        `${admissions?.orders.length ?? 0} admissions ${isCaught ? 'convict the validator' : 'convict nobody'}`,
      ],
      money: `${owedAtomic} atomic units are owed, ${holds} can be paid`,
      worked: owedAtomic > holds || refusal === '' || !isCaught,
    };
  },
});

/** As `ogong-provider admissions` finds it. */
function readAdmissions(network: Network): OverAdmission | undefined {
  const orders = network.store().read((db) => [...listAdmissions(db, MAX_EVIDENCE_ORDERS).values()].flat());
  return findOverAdmission(nodeCrypto, ledger, { orders, capacityOf: () => 0n });
}

/** Returns the verdict on admissions if the channel held this capacity on the chain. */
export function judgeAdmissions(admissions: OverAdmission | undefined, capacityAtomic: bigint): readonly Check[] {
  if (admissions === undefined) return [];
  const view = { ledger, signingKeys: [validatorSigner.address], capacityAtomic, convictedAtMs: 0n };
  return judgeOverAdmission(nodeCrypto, view, admissions);
}
