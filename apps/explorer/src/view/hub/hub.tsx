import { useEffect, useState } from 'preact/hooks';
import type { HubRow } from '../../data/hub-card.ts';
import type { NetworkState } from '../../data/store.ts';
import { formatBytes, plural } from '../../format.ts';
import { Card } from '../parts.tsx';

/** Models on one page of results. */
const LISTED = 20;

interface Found {
  readonly models: readonly HubRow[];
  readonly total: number;
}

/** The hub: models of the registry on the chain, and a search among them. */
export function Hub({ state: { api } }: { state: NetworkState }) {
  const [wanted, setWanted] = useState('');
  const [offset, setOffset] = useState(0);
  const [found, setFound] = useState<Found>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    let isOver = false;
    setProblem(undefined);
    api.hubModels(wanted, { limit: LISTED, offset }).then(
      (read) => !isOver && setFound(read),
      (error: Error) => !isOver && setProblem(error.message),
    );
    return () => {
      isOver = true;
    };
  }, [api, wanted, offset]);
  return (
    <>
      <form
        class="field"
        onSubmit={(event) => {
          event.preventDefault();
          setOffset(0);
          setWanted(String(new FormData(event.currentTarget).get('words') ?? ''));
        }}
      >
        <label for="words">Words of a name, a licence or notes</label>
        <span class="with-button">
          <input id="words" name="words" type="search" maxLength={256} autocomplete="off" />
          <button type="submit">Search</button>
        </span>
      </form>
      <p class="note" role="status">
        {problem === undefined
          ? found && plural(found.total, 'model')
          : `The hub is not read: ${problem.replace(/\.$/, '')}.`}
      </p>
      <ul class="models-found" aria-label="Models of the hub">
        {(found?.models ?? []).map((row) => (
          <Row key={`${row.maker}/${row.model}`} row={row} />
        ))}
      </ul>
      {found && <Pages offset={offset} total={found.total} go={setOffset} />}
      <p class="note">
        Names come from the model registry on the chain. A model's page checks its manifest in this browser.
      </p>
    </>
  );
}

function Row({ row: { maker, model, ...facts } }: { row: HubRow }) {
  const tags = [facts.version, facts.licence, ...facts.formats, facts.sizeBytes && formatBytes(facts.sizeBytes)];
  return (
    <li>
      <Card
        title={`${maker}/${model}`}
        aside={
          <a href={`#/hub/${maker}/${model}`} aria-label={`Card of ${maker}/${model}`}>
            card
          </a>
        }
      >
        <p>
          {tags.filter(Boolean).map((tag) => (
            <span key={tag} class="pill">
              {tag}
            </span>
          ))}
        </p>
        <small>
          {facts.problem === undefined ? facts.notes?.split('\n')[0] : `Its manifest is not read: ${facts.problem}`}
        </small>
      </Card>
    </li>
  );
}

function Pages({ offset, total, go }: { offset: number; total: number; go: (offset: number) => void }) {
  if (total <= LISTED) return null;
  return (
    <p class="with-button">
      <button type="button" class="quiet" disabled={offset === 0} onClick={() => go(Math.max(0, offset - LISTED))}>
        Newer
      </button>
      <button type="button" class="quiet" disabled={offset + LISTED >= total} onClick={() => go(offset + LISTED)}>
        Older
      </button>
    </p>
  );
}
