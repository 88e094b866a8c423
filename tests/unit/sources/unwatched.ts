import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newFolder, removeFolders, Watching } from './folder-lab.ts'

/** Watches a folder and creates a file in it, on a system without watching. Prints what was reported and seen. */
const folder = newFolder()
const one = new Watching([folder], { watch_path: folder, debounce_ms: 50, settle_ms: 100 })
await one.reported(/^error/)
writeFileSync(join(folder, 'a'), 'a')
await one.events(1)
console.log([...one.states, ...one.fired.map(({ event_type, file_name }) => `${event_type} ${file_name}`)].join('\n'))
await one.stop()
removeFolders()
