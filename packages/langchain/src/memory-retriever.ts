import { Document } from '@langchain/core/documents';
import { BaseRetriever, type BaseRetrieverInput } from '@langchain/core/retrievers';
import type { MatchedMemory, MemoryClient, MemorySearchParams } from '@ogong/sdk';

export interface MemoryRetrieverOptions extends BaseRetrieverInput {
  readonly memory: Pick<MemoryClient, 'search'>;
  /** Fields of each search, such as `limit`, `agent_id` and `categories`. */
  readonly search?: Omit<MemorySearchParams, 'query' | 'include_bio'>;
}

/** Fields of a memory: its plain text is `memory`, beside its quote and the hashes of its receipts. */
type DocumentFields = Omit<MatchedMemory, 'recalled'>;

/**
 * Finds memories by meaning. The content of a document is the marked text, so that the service does not store a memory again that a
 * prompt repeats. @throws MemoryApiError
 */
export class MemoryRetriever extends BaseRetriever<DocumentFields> {
  override lc_namespace = ['ogong', 'retrievers'];
  readonly #memory: MemoryRetrieverOptions['memory'];
  readonly #search: NonNullable<MemoryRetrieverOptions['search']>;

  static override lc_name(): string {
    return 'MemoryRetriever';
  }

  constructor({ memory, search = {}, ...input }: MemoryRetrieverOptions) {
    super(input);
    this.#memory = memory;
    this.#search = search;
  }

  override async _getRelevantDocuments(query: string): Promise<Document<DocumentFields>[]> {
    const { memories } = await this.#memory.search({ ...this.#search, query, include_bio: false });
    return memories.map(
      ({ recalled: pageContent, ...metadata }) => new Document({ id: metadata.id, pageContent, metadata }),
    );
  }
}
