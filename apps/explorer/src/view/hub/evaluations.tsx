import { Card, Hash, Table } from '../parts.tsx';
import { listEvaluationFiles } from './evaluation-files.ts';

/** Evaluations that the maker's manifest names, with the places of their files. */
export function Evaluations({ hashes, places }: { hashes: readonly string[]; places: readonly string[] }) {
  return (
    <Card title="Evaluations" wide>
      <Table label="Evaluations" head={['Hash', 'Files']} empty={hashes.length === 0 && 'The manifest names none.'}>
        {hashes.map((hash) => (
          <tr key={hash}>
            <td>
              <Hash hex={hash} />
            </td>
            <td>
              {listEvaluationFiles(hash, places).map((address) => (
                <a key={address} class="line" href={address} rel="noopener noreferrer nofollow" target="_blank">
                  {new URL(address).host}
                </a>
              ))}
            </td>
          </tr>
        ))}
      </Table>
      {hashes.length > 0 && (
        <p class="note">
          The maker signed these hashes. <code>ogong hub check-evaluation</code> checks a file, whose rows are receipts.
        </p>
      )}
    </Card>
  );
}
