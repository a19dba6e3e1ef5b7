import { useEffect, useState } from 'preact/hooks';
import { PENALTIES, type Penalty, readPenalties } from '../data/penalties.ts';
import type { NetworkState } from '../data/store.ts';
import { Amount, Card, Hash, Table } from './parts.tsx';

/** A provider's key has 32 bytes, an account 20. */
const hrefOf = (who: string): string => (who.length === 66 ? `#/providers/${who.slice(2)}` : `#/account/${who}`);

/** Amounts that the contracts took or gave back. */
export function Penalties({ state: { reader, deployment, ledger, problems } }: { state: NetworkState }) {
  const [read, setRead] = useState<readonly Penalty[]>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    if (reader === undefined || deployment === undefined || ledger === undefined) return;
    readPenalties(reader, deployment, ledger).then(setRead, (error: Error) => setProblem(error.message));
  }, [reader, deployment, ledger?.block]);
  const missing = problem ?? problems.chain;
  const empty =
    read === undefined
      ? reader === undefined || missing
        ? `The chain is not read${missing ? `: ${missing}` : ''}.`
        : 'Reading the chain …'
      : read.length === 0 && 'Nobody has lost anything.';
  return (
    <Card title="Slashes, ejections and what was given back" wide>
      <Table label="Penalties" head={['Block', 'What happened', 'Who', 'Amount', 'Transaction']} empty={empty}>
        {(read ?? []).map((one) => (
          <tr key={`${one.transactionHash} ${one.kind} ${one.who}`}>
            <td>{one.blockNumber.toLocaleString('en')}</td>
            <td>{PENALTIES[one.kind]}</td>
            <td>
              <Hash hex={one.who} href={hrefOf(one.who)} />
            </td>
            <td>{one.atomic !== undefined && <Amount atomic={one.atomic} />}</td>
            <td>
              <Hash hex={one.transactionHash} />
            </td>
          </tr>
        ))}
      </Table>
      {ledger && <p class="note">Events of block {`${ledger.fromBlock}`} and later, by the contracts.</p>}
    </Card>
  );
}
