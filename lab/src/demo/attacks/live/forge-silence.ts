import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import type { Statement } from '@ogong/protocol/verdict/witnessed';
import type { LiveNetwork, OwnedDaemon } from './live-network.ts';

const NONE = new Uint8Array(32);

export interface ForgedQuestion {
  readonly owned: OwnedDaemon;
  readonly order: Pick<NamedOrder, 'orderHash' | 'providerId'>;
  readonly asked: 'record' | 'opening';
  readonly timeMs: number;
}

/** Statements as two witnesses would make them, signed by the liar itself. */
export async function forgeSilence(
  { ledger, latestBeacon }: Pick<LiveNetwork, 'ledger' | 'latestBeacon'>,
  { owned, order, asked, timeMs }: ForgedQuestion,
): Promise<Statement[]> {
  const { epoch } = await latestBeacon();
  const told = { isRefused: false, epoch, timeMs };
  const about = { witness: owned.account, validator: owned.account, orderHash: order.orderHash };
  const statement = { ...about, target: order.providerId, subject: NONE, asked, ...told };
  const signature = await createKeySigner(crypto, owned.signer, owned.account).sign({
    ...{ kind: 'silence', domain: ledger, ...statement },
  });
  return [0, 1].map((place) => ({ ...told, place, signature }));
}
