import type { CardFile, PinRow } from '../../data/hub-card.ts';
import { Amount, Card, Hash, Table } from '../parts.tsx';

/** Storage of the model's files that providers prove epoch by epoch. */
export function Pins({ pins, files }: { pins: readonly PinRow[] | undefined; files: readonly CardFile[] }) {
  const nameFile = (blob: string): string => files.find((file) => file.blob === blob)?.path ?? blob;
  return (
    <Card title="Pins" wide>
      <Table
        label="Pins"
        head={['Pin', 'File', 'Provider', 'Epochs', 'Proven', 'Missed', 'Fee of an epoch']}
        empty={
          pins === undefined
            ? 'Not read, or the network has no pins.'
            : pins.length === 0 && 'Nobody pays for storage of it.'
        }
      >
        {(pins ?? []).map((one) => (
          <tr key={one.pin}>
            <td>{one.pin}</td>
            <td>{nameFile(one.blob)}</td>
            <td>
              <Hash hex={one.provider} href={`#/account/${one.provider}`} label="provider" />
            </td>
            <td>{describeEpochs(one)}</td>
            <td>{one.proven}</td>
            <td>{one.missed}</td>
            <td>
              <Amount atomic={one.feePerEpoch} />
            </td>
          </tr>
        ))}
      </Table>
      <p class="note">The gateway read this on the chain. It looks at the newest 1,024 pins.</p>
    </Card>
  );
}

const describeEpochs = ({ epochs, isAccepted }: PinRow): string =>
  epochs === 0 ? 'taken back' : isAccepted ? String(epochs) : `${epochs}, not accepted yet`;
