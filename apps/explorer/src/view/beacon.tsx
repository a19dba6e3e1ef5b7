import { toHex } from '@ogong/protocol/base/bytes';
import { useEffect, useState } from 'preact/hooks';
import { type EpochReading, readBeaconHistory, readGenerations } from '../data/beacon-history.ts';
import type { NetworkState } from '../data/store.ts';
import { Card, CheckList, Hash, Table } from './parts.tsx';

const EPOCHS = 12;
const STANDINGS = {
  holds: ['accept', 'holds'],
  refuted: ['reject', 'refuted'],
  others: ['none', 'other validators'],
} as const;

/** The newest epochs of the beacon, each certificate checked here. */
export function Beacon({ state }: { state: NetworkState }) {
  const { api, info, ledger, reader, deployment } = state;
  const newest = state.beacon?.epoch;
  const [read, setRead] = useState<readonly EpochReading[]>();
  const [problem, setProblem] = useState<string>();
  const [shown, setShown] = useState<bigint>();
  useEffect(() => {
    if (info === undefined) return;
    const validators = ledger?.validators ?? info.validators;
    readGenerations(reader, deployment)
      .then((generations) => readBeaconHistory(api, { info, validators, generations }, EPOCHS))
      .then(
        (epochs) => {
          setRead(epochs);
          setProblem(undefined);
        },
        (error: Error) => setProblem(error.message),
      );
  }, [newest, info === undefined, ledger === undefined]);
  const one = read?.find(({ epoch }) => epoch === shown) ?? read?.[0];
  return (
    <>
      <Card title="Newest epochs" wide>
        <Table
          label="Epochs of the beacon"
          head={['Epoch', 'Value', 'Beacon', 'Checked on this page']}
          empty={read === undefined && (problem ? `The beacon is not read: ${problem}.` : 'Reading …')}
        >
          {(read ?? []).map(({ epoch, value, kind, standing }) => {
            const [pill, word] = STANDINGS[standing];
            return (
              <tr key={`${epoch}`}>
                <td>
                  <button type="button" class="quiet small" onClick={() => setShown(epoch)}>
                    {`${epoch}`}
                  </button>
                </td>
                <td>
                  <Hash hex={toHex(value)} />
                </td>
                <td>{kind}</td>
                <td>
                  <span class={`pill v-${pill}`}>{word}</span>
                </td>
              </tr>
            );
          })}
        </Table>
        <p class="note">
          The value of an epoch decides which replies are audited, and by whom. Certificates are checked against the
          validators {ledger ? 'that the chain lists now' : 'that the gateway names'}.
        </p>
      </Card>
      {one && (
        <Card title={`Epoch ${one.epoch}`} wide>
          <CheckList checks={one.checks} label="Checks of the epoch" />
        </Card>
      )}
    </>
  );
}
