import { useState } from 'preact/hooks';
import { findRoute } from '../search.ts';

/** The search of the header. A miss is explained below the field, and moves nothing. */
export function Search() {
  const [problem, setProblem] = useState<string>();
  return (
    <search class="search">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const found = findRoute(String(new FormData(event.currentTarget).get('wanted') ?? ''));
          setProblem('problem' in found ? found.problem : undefined);
          if ('route' in found) location.hash = found.route;
        }}
      >
        <label class="hidden" for="wanted">
          Search the network
        </label>
        <input
          id="wanted"
          name="wanted"
          type="search"
          autocomplete="off"
          spellcheck={false}
          placeholder="Reply, address, provider, batch or model"
          aria-describedby="search-problem"
          onInput={() => setProblem(undefined)}
          onKeyDown={({ key }) => key === 'Escape' && setProblem(undefined)}
        />
        <p id="search-problem" class="miss" role="status">
          {problem}
        </p>
      </form>
    </search>
  );
}
