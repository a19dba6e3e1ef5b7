export { createOgong, type OgongProvider, type OgongSettings } from './provider.ts';
