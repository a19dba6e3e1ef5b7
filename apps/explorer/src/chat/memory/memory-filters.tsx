import type { PanelFilter } from './memory-client.ts';
import type { MemoryList, MemoryListState } from './memory-list.ts';

/** Fields that choose the shown memories. */
export function MemoryFilters({ state: { filter, counts }, list }: { state: MemoryListState; list: MemoryList }) {
  const today = new Date().toISOString().slice(0, 10);
  return (
    <form
      class="memory-filters"
      aria-label="Filter of memories"
      onSubmit={(event) => {
        event.preventDefault();
        void list.show({ query: String(new FormData(event.currentTarget).get('query') ?? '').trim() });
      }}
    >
      <div class="search with-button">
        <label class="hidden" for="memory-query">
          Find memories
        </label>
        <input
          id="memory-query"
          name="query"
          type="search"
          placeholder="Find memories"
          autocomplete="off"
          maxLength={2_000}
        />
        <button type="submit" class="quiet">
          Find
        </button>
      </div>
      <Choice name="type" filter={filter} counts={counts?.byType} total={counts?.total} list={list} />
      <Choice name="category" filter={filter} counts={counts?.byCategory} total={counts?.total} list={list} />
      <label>
        As of
        <input
          type="date"
          max={today}
          value={filter.day}
          onChange={({ currentTarget }) => void list.show({ day: currentTarget.value })}
        />
      </label>
    </form>
  );
}

/** Numbers are those of today, so an earlier day has none. */
function Choice({
  name,
  filter,
  counts = {},
  total,
  list,
}: {
  name: 'type' | 'category';
  filter: PanelFilter;
  counts: Readonly<Record<string, number>> | undefined;
  total: number | undefined;
  list: MemoryList;
}) {
  const write = (text: string, count: number | undefined): string =>
    count === undefined || filter.day !== '' ? text : `${text} (${count})`;
  return (
    <label>
      {name === 'type' ? 'Type' : 'Category'}
      <select value={filter[name]} onChange={({ currentTarget }) => void list.show({ [name]: currentTarget.value })}>
        <option value="">{write('all', total)}</option>
        {Object.entries(counts).map(([value, count]) => (
          <option key={value} value={value}>
            {write(value, count)}
          </option>
        ))}
      </select>
    </label>
  );
}
