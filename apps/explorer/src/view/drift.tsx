import { useEffect, useState } from 'preact/hooks';
import type { DriftReading, DriftRowView } from '../check/drift.ts';
import { loadDrift } from '../check/load-drift.ts';
import { readDriftAnchor } from '../data/drift-anchor.ts';
import type { NetworkState } from '../data/store.ts';
import { formatPpm } from '../format.ts';
import { DriftPlot } from './drift-plot.tsx';
import { Card, Facts, Hash, Table } from './parts.tsx';

/** Rows that are listed at once: a table has hundreds. */
const LISTED = 40;

interface ReadTable {
  readonly reading: DriftReading;
  readonly quantiles: readonly number[];
  readonly rates: readonly number[];
}

/** The drift table: how honest machines differ, and the share of cheats that this detects. */
export function Drift({ state: { api, reader, deployment }, row }: { state: NetworkState; row?: string }) {
  const [read, setRead] = useState<ReadTable | 'none'>();
  const [anchor, setAnchor] = useState<string | 'none'>();
  const [problem, setProblem] = useState<string>();
  const [wanted, setWanted] = useState('');
  useEffect(() => {
    const run = async (): Promise<void> => {
      const bytes = await api.driftTable();
      if (bytes === undefined) return setRead('none');
      const { readDrift, SHOWN_QUANTILES: quantiles, SHOWN_RATES: rates } = await loadDrift();
      setRead({ reading: readDrift(bytes), quantiles, rates });
    };
    run().catch((error: Error) => setProblem(error.message));
  }, [api]);
  useEffect(() => {
    if (reader === undefined || deployment === undefined) return;
    readDriftAnchor(reader, deployment).then(
      (hash) => setAnchor(hash ?? 'none'),
      (error: Error) => setProblem(error.message),
    );
  }, [reader, deployment]);

  if (problem !== undefined) return <p class="empty">{`The drift table is not read: ${problem}.`}</p>;
  if (read === undefined) return <p class="empty">Reading the drift table, about a megabyte …</p>;
  if (read === 'none') return <p class="empty">This gateway has no drift table.</p>;
  const { reading, quantiles, rates } = read;
  const chosen = row === undefined ? undefined : reading.rows[Number(row)];
  return (
    <>
      <Card title="Drift table" wide>
        <Facts
          rows={[
            ['Hash', <Hash key="hash" hex={reading.hash} />],
            ['On the chain', <Standing key="standing" hash={reading.hash} anchor={anchor} />],
            ['Version', String(reading.version)],
            ['Rows', reading.rows.length.toLocaleString('en')],
          ]}
        />
        <p class="note">
          Machines of different kinds compute the same model with small differences. A row says how far apart honest
          ones were, by twenty scores of a reply. A verdict that rests on statistics names the row that it used.
        </p>
      </Card>
      {chosen && <OneRow row={chosen} quantiles={quantiles} rates={rates} />}
      <Rows rows={reading.rows} wanted={wanted} onWanted={setWanted} />
    </>
  );
}

function Standing({ hash, anchor }: { hash: string; anchor: string | undefined }) {
  if (anchor === undefined) return <span class="pill claimed">the chain is not read</span>;
  if (anchor === hash) return <span class="pill v-accept">named by the chain</span>;
  if (anchor === 'none')
    return <span class="pill claimed">the chain names none: validators use the one of their release</span>;
  return <span class="pill v-reject">another one is named by the chain</span>;
}

function Rows({
  rows,
  wanted,
  onWanted,
}: {
  rows: readonly DriftRowView[];
  wanted: string;
  onWanted: (text: string) => void;
}) {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const isWanted = (row: DriftRowView): boolean => {
    const text = `${row.model} ${row.providerClass} ${row.verifierClass} band${row.band}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
  const found = rows.flatMap((row, i) => (isWanted(row) ? [[i, row] as const] : []));
  return (
    <Card title="Rows" wide>
      <label class="field">
        Only rows with these words (class, model root, band)
        <input
          type="search"
          value={wanted}
          onInput={(event) => onWanted(event.currentTarget.value)}
          autocomplete="off"
        />
      </label>
      <Table
        label="Rows of the drift table"
        head={['Row', 'Claimed class', 'Seen by', 'Length band', 'Replies', 'Model']}
        empty={found.length === 0 && 'No row has all of these words.'}
      >
        {found.slice(0, LISTED).map(([i, row]) => (
          <tr key={i}>
            <td>
              <a href={`#/drift/${i}`} aria-label={`row ${i}`}>
                {i}
              </a>
            </td>
            <td>{row.providerClass}</td>
            <td>{row.verifierClass}</td>
            <td>{row.band}</td>
            <td>{row.replies.toLocaleString('en')}</td>
            <td>
              <Hash hex={row.model} />
            </td>
          </tr>
        ))}
      </Table>
      {found.length > LISTED && <p class="note">{`${LISTED} of ${found.length.toLocaleString('en')} rows.`}</p>}
    </Card>
  );
}

function OneRow({
  row,
  quantiles,
  rates,
}: {
  row: DriftRowView;
  quantiles: readonly number[];
  rates: readonly number[];
}) {
  return (
    <Card title={`${row.providerClass}, seen by ${row.verifierClass}`} wide>
      <Facts
        rows={[
          ['Model root', <Hash key="root" hex={row.model} />],
          ['Length band', String(row.band)],
          ['Honest replies', row.replies.toLocaleString('en')],
          ['Positions compared', row.tokens.toLocaleString('en')],
          ['Longest context', `${row.context.toLocaleString('en')} tokens`],
        ]}
      />
      <h3>Scores of honest replies</h3>
      <DriftPlot scores={row.scores} quantiles={quantiles} />
      <h3>What is caught</h3>
      <Table
        label="Alternatives that are caught"
        head={['Alternative', 'Replies', ...rates.map((rate) => `at ${formatShare(rate)} false alarms`)]}
        empty={row.power.length === 0 && 'No alternative was measured.'}
      >
        {row.power.map(({ name, replies, shares }) => (
          <tr key={name}>
            <td>{name}</td>
            <td>{replies}</td>
            {shares.map((share, i) => (
              <td key={rates[i]}>{formatPpm(share * 1e6)}</td>
            ))}
          </tr>
        ))}
      </Table>
    </Card>
  );
}

const formatShare = (rate: number): string => `${+(rate * 100).toPrecision(2)} %`;
