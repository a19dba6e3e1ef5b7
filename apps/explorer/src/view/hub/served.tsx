import type { HubCard } from '../../data/hub-card.ts';
import type { NetworkState } from '../../data/store.ts';
import { Price } from '../models.tsx';
import { Card, Hash, Table } from '../parts.tsx';

/** Providers that serve the model now, by the router's statement. */
export function Served({ card: { served, versions } }: { state: NetworkState; card: HubCard }) {
  const nameVersion = (root: string): string => {
    const found = versions.find(({ modelRoot }) => modelRoot === root);
    return found === undefined ? 'other weights' : (found.version ?? 'a version of the registry');
  };
  const rows = (served ?? []).flatMap(({ offers, ...one }) => offers.map((offer) => ({ ...one, ...offer })));
  return (
    <Card title="Served by" wide>
      <Table
        label="Served by"
        head={['Model', 'Provider', 'Price', 'Free', 'Weights']}
        empty={
          served === undefined ? 'Not read: the router does not answer.' : rows.length === 0 && 'Nobody serves it now.'
        }
      >
        {rows.map((row) => (
          <tr key={`${row.id} ${row.provider} ${row.pricePer1k}`}>
            <td>
              <a href={`#/models/${encodeURIComponent(row.id)}`}>{row.id}</a>
            </td>
            <td>
              <Hash hex={row.provider} href={`#/providers/${row.provider.slice(2)}`} label="provider" />
            </td>
            <td>
              <Price atomic={row.pricePer1k} units={row.units} />
            </td>
            <td>{row.freeCapacity}</td>
            <td>{nameVersion(row.modelRoot)}</td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}
