import { toHex } from '@ogong/protocol/base/bytes';
import { useEffect, useState } from 'preact/hooks';
import { type PotsOfOne, readPots } from '../data/ledger.ts';
import { listReplies } from '../data/standing.ts';
import type { NetworkState } from '../data/store.ts';
import { formatPpm } from '../format.ts';
import { Amount, Card, CheckList, Facts, Hash, Table, tellMissing } from './parts.tsx';
import { ReplyRows } from './replies.tsx';

/** Reads the rewards for signatures under others' batches that are not claimed yet. */
function usePots({ reader, deployment, ledger }: NetworkState, account: `0x${string}` | undefined) {
  const [read, setRead] = useState<PotsOfOne>();
  const fromBlock = ledger?.fromBlock;
  useEffect(() => {
    if (reader === undefined || deployment === undefined || account === undefined || fromBlock === undefined) return;
    readPots(reader, deployment, { account, fromBlock }).then(setRead, () => setRead(undefined));
  }, [reader, deployment, fromBlock, account]);
  return read;
}

export function Validators({ state, address }: { state: NetworkState; address?: string }) {
  const { info, ledger, logs, beacon } = state;
  const validators = ledger?.validators ?? info?.validators ?? [];
  const total = validators.reduce((sum, { stake }) => sum + stake, 0n);
  const only = validators.find((one) => `0x${toHex(one.address)}` === address);
  const pots = usePots(state, only && `0x${toHex(only.address)}`);
  const log = only && logs?.find(({ validator }) => toHex(validator) === toHex(only.address));
  if (only) {
    return (
      <>
        <Card title="Validator">
          <Facts
            rows={[
              [
                'Account',
                <Hash key="a" hex={`0x${toHex(only.address)}`} href={`#/account/0x${toHex(only.address)}`} />,
              ],
              ['Bond', <Amount key="b" atomic={only.stake} />],
              ...(pots
                ? ([
                    ['As a co-signer, claimable', <Amount key="p" atomic={pots.claimable} />],
                    ['As a co-signer, today', <Amount key="t" atomic={pots.running} />],
                  ] as const)
                : []),
              ['Endpoint', <code key="e">{only.endpoint}</code>],
              ['Signing key', <Hash key="s" hex={`0x${toHex(only.signingKey)}`} />],
              ['Certificate', <Hash key="c" hex={toHex(only.certHash)} />],
              ['Log', log ? `${log.length} entries, ${log.settledLength} settled` : 'not read'],
            ]}
          />
        </Card>
        <Card title="Its log, checked on this page">
          {log ? (
            <CheckList checks={log.checks} label="Checks of the log" />
          ) : (
            <p class="empty">{tellMissing(state, 'logs', 'Reading …')}</p>
          )}
        </Card>
        <Card title="Newest entries" wide>
          <ReplyRows state={state} replies={listReplies(log ? [log] : []).slice(0, 50)} />
        </Card>
      </>
    );
  }
  return (
    <>
      <Card title="Validators" wide>
        <Table
          label="Validators"
          head={['Account', 'Bond', 'Votes', 'Endpoint', 'Log', 'Settled', 'Log checked']}
          empty={validators.length === 0 && tellMissing(state, 'chain', 'Reading the registry …')}
        >
          {validators.map((one) => {
            const hex = `0x${toHex(one.address)}`;
            const found = logs?.find(({ validator }) => toHex(validator) === toHex(one.address));
            const bad = found?.checks.some(({ status }) => status === 'fail');
            return (
              <tr key={hex}>
                <td>
                  <Hash hex={hex} href={`#/validators/${hex}`} label="validator" />
                </td>
                <td>
                  <Amount atomic={one.stake} />
                </td>
                <td>{total === 0n ? '' : formatPpm(Number((one.stake * 1_000_000n) / total))}</td>
                <td>
                  <code>{one.endpoint}</code>
                </td>
                <td>{found ? `${found.length}` : '…'}</td>
                <td>{found ? `${found.settledLength}` : '…'}</td>
                <td>
                  {found === undefined ? (
                    '…'
                  ) : (
                    <span class={`pill ${bad ? 'v-reject' : 'v-accept'}`}>{bad ? 'refuted' : 'holds'}</span>
                  )}
                </td>
              </tr>
            );
          })}
        </Table>
        <p class="note">
          {ledger ? 'Read from the registry on the chain.' : 'As the gateway reports: the chain is not read.'}
        </p>
      </Card>
      {beacon && (
        <Card title={`Beacon, epoch ${beacon.epoch}`} wide>
          <CheckList checks={beacon.checks} label="Checks of the beacon" />
        </Card>
      )}
    </>
  );
}
