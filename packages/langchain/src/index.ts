export { MemoryRetriever, type MemoryRetrieverOptions } from './memory-retriever.ts';
export { RememberingChat, type RememberingChatOptions, rememberConversation } from './remembering-chat.ts';
