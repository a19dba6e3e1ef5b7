import type { Hex } from '@ogong/chain/hex';
import { toHex } from '@ogong/protocol/base/bytes';
import { useEffect, useState } from 'preact/hooks';
import { type AccountHoldings, readAccount } from '../data/ledger.ts';
import { listReplies } from '../data/standing.ts';
import type { NetworkState } from '../data/store.ts';
import { Amount, Card, Facts, tellMissing } from './parts.tsx';
import { ReplyRows } from './replies.tsx';

/** Holdings of an address, and the replies that it paid for, or is paid for. */
export function Account({ state, address }: { state: NetworkState; address: string }) {
  const [read, setRead] = useState<AccountHoldings | string>();
  const { reader, deployment } = state;
  useEffect(() => {
    if (reader === undefined || deployment === undefined) return;
    readAccount(reader, deployment, address as Hex).then(setRead, (error: Error) =>
      setRead(`It cannot be read: ${error.message}`),
    );
  }, [address, reader, deployment]);
  const replies = listReplies(state.logs).filter(({ entry, validator }) =>
    [`0x${toHex(entry.payer)}`, `0x${toHex(entry.payee)}`, validator].includes(address),
  );
  return (
    <>
      <Card title="Account" wide>
        <p class="lead">
          <code class="long">{address}</code>
        </p>
        {read === undefined || typeof read === 'string' ? (
          <p class="empty">{read ?? tellMissing(state, 'chain', 'Reading the chain …')}</p>
        ) : (
          <Facts
            rows={[
              ['Tokens', <Amount key="t" atomic={read.tokensAtomic} />],
              ['Staked', <Amount key="s" atomic={read.stakeAtomic} />],
              ['Staked for priority', <Amount key="p" atomic={read.priorityAtomic} />],
              ['Free in escrow', <Amount key="f" atomic={read.freeEscrowAtomic} />],
              ['To be claimed', <Amount key="c" atomic={read.creditAtomic} />],
            ]}
          />
        )}
      </Card>
      <Card title="Its replies" wide>
        <ReplyRows state={state} replies={replies.slice(0, 50)} />
      </Card>
    </>
  );
}
