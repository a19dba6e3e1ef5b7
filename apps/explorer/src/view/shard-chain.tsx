import type { ShardLink } from '../check/read-chain.ts';
import { Card, Hash } from './parts.tsx';

const ROOTS = {
  signed: 'rows signed',
  'not signed': 'rows not signed',
  missing: 'no signed root',
  unknown: 'root in the receipt',
  leads: 'leads: samples and signs the record',
} as const;

/** Whether the link holds, by the receipt. */
const judgeLink = ({ root, isCulprit }: ShardLink): 'proven' | 'claimed' | 'refuted' =>
  isCulprit || root === 'missing' || root === 'not signed' ? 'refuted' : root === 'unknown' ? 'claimed' : 'proven';

/** The providers that served a reply together, in the order of their layers. Nothing for one that served alone. */
export function ShardChain({ chain }: { chain: readonly ShardLink[] }) {
  if (chain.length === 0) return null;
  return (
    <Card title="Shards" wide>
      <p class="lead">{chain.length} providers served this reply together, and each could read the prompt.</p>
      <ol class="shards" aria-label="Shards">
        {chain.map((link, place) => (
          <li key={link.providerId} class={judgeLink(link)}>
            <b>{link.layers}</b>
            {link.isCulprit && <span class="pill refuted">culprit</span>}
            <Hash hex={link.providerId} href={`#/providers/${link.providerId}`} label={`Shard ${place}:`} />
            <small>{link.sharePercent} % of the price</small>
            <small>{ROOTS[link.root]}</small>
            {link.numericClass && <small>{link.numericClass}</small>}
          </li>
        ))}
      </ol>
    </Card>
  );
}
