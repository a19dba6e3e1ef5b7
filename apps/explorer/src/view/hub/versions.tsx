import type { HubVersion } from '../../data/hub-card.ts';
import { Card, Hash, Table } from '../parts.tsx';

/** The versions of a model, the newest first. */
export function Versions({ versions }: { versions: readonly HubVersion[] }) {
  return (
    <Card title="Versions" wide>
      <Table label="Versions" head={['Version', 'Licence', 'Manifest', 'Content root', 'Places', 'Notes']}>
        {versions.map((one) => (
          <tr key={`${one.modelRoot} ${one.manifestHash}`}>
            <td>
              {one.version ?? 'not read'} {one.isInForce && <span class="pill proven">in force</span>}
            </td>
            <td>{one.licence}</td>
            <td>{one.manifestHash === undefined ? 'none' : <Hash hex={one.manifestHash} />}</td>
            <td>
              <Hash hex={one.modelRoot} />
            </td>
            <td>
              {one.places.map((place) => (
                <span key={place} class="line">
                  {place}
                </span>
              ))}
            </td>
            <td class="wraps">{one.problem ?? one.notes?.split('\n')[0]}</td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}
