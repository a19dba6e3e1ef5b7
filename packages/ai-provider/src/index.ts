export { createOgong, type OgongProvider, type OgongSettings } from './provider.ts';
export { type RememberOptions, rememberConversation } from './remember-conversation.ts';
