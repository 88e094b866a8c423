import { readdir, readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { AUTO_START_ID, kindOf, parseDefinition, problemText } from '../../../workflows/definition.ts'

const node = { node_type: 'LogNode', config: {} }
const arrow = (source_node: string, target_node: string) => ({
  source_node,
  source_port: 'exec_out',
  target_node,
  target_port: 'exec_in',
})

function problems(definition: unknown): readonly string[] {
  const read = parseDefinition(typeof definition === 'string' ? definition : JSON.stringify(definition))
  return 'problems' in read ? read.problems.map(({ path, message }) => `${path}: ${message}`) : []
}

describe('a definition', () => {
  test('may be as small as its nodes', () => {
    const read = parseDefinition('{"nodes":{"s":{"node_type":"StartNode"}}}')
    expect(read).toMatchObject({
      definition: { connections: [], variables: {}, settings: { stop_on_error: true }, nodes: { s: { config: {} } } },
    })
  })

  test('may carry all that the editor writes', () => {
    const port = { name: 'exec_in', label: 9, port_type: 'INPUT', data_type: 'EXEC_INPUT', required: false }
    const read = parseDefinition(JSON.stringify({
      metadata: { name: 'N', version: '1.0.0', tags: [] },
      nodes: {
        a: { ...node, node_id: 'other', category: 'x', position: { x: 1, y: 2 }, input_ports: { exec_in: port } },
        b: { ...node, position: [0, 0] },
      },
      connections: [arrow('a', 'b')],
      frames: [],
      variables: { plain: 5, full: { name: 'full', type: 'List', default_value: [1] } },
      settings: { stop_on_error: false, timeout: 30, retry_count: 0 },
    }))
    expect(read).toMatchObject({
      definition: {
        metadata: { name: 'N' },
        variables: { plain: { type: null, default_value: 5 }, full: { type: 'List', default_value: [1] } },
        settings: { stop_on_error: false },
      },
    })
  })

  test('without a StartNode gets one that leads to every free node', () => {
    const read = parseDefinition(
      JSON.stringify({ nodes: { a: node, b: node, c: node }, connections: [arrow('a', 'b')] }),
    )
    const definition = 'definition' in read ? read.definition : undefined
    const led = definition?.connections.filter(({ source_node }) => source_node === AUTO_START_ID)
    expect(led?.map(({ target_node }) => target_node)).toEqual(['a', 'c'])
    expect(definition?.nodes[AUTO_START_ID]?.node_type).toBe('StartNode')
  })

  test.each<[string, unknown, string]>([
    ['is no JSON', '{', ': Malformed JSON'],
    ['is no object', '[]', ': A workflow must be'],
    ['has no nodes', {}, 'nodes: is required'],
    ['has its nodes in a list', { nodes: [] }, 'nodes: must be an object whose keys are the node ids'],
    ['has a node without type', { nodes: { a: {} } }, 'nodes.a.node_type: is required'],
    ['has a long node id', { nodes: { ['x'.repeat(257)]: node } }, 'nodes.xxx'],
    [
      'has too many nodes',
      { nodes: Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`n${i}`, node])) },
      'nodes: ',
    ],
    [
      'has a dangling arrow',
      { nodes: { a: node }, connections: [arrow('a', 'b')] },
      'connections.0.target_node: there is no node b',
    ],
    [
      'has an arrow twice',
      { nodes: { a: node, b: node }, connections: [arrow('a', 'b'), arrow('b', 'a'), arrow('a', 'b')] },
      'connections.2: the same as connections.0',
    ],
    [
      'has too many arrows',
      { nodes: { a: node }, connections: Array.from({ length: 5_001 }, () => arrow('a', 'a')) },
      'connections: must not be more than 5000',
    ],
    [
      'has an arrow without a port',
      { nodes: { a: node }, connections: [{ ...arrow('a', 'a'), source_port: '' }] },
      'connections.0.source_port: ',
    ],
    ['has a long text', { nodes: { a: { ...node, config: { t: ['x'.repeat(10_001)] } } } }, 'nodes.a.config.t.0: '],
    [
      'has a deep config',
      { nodes: { a: { ...node, config: JSON.parse('{"a":'.repeat(11) + '1' + '}'.repeat(11)) } } },
      'nodes.a.config.a.a',
    ],
  ])('is refused when it %s', (_, definition, expected) => {
    expect(problems(definition)[0]?.startsWith(expected)).toBe(true)
  })

  test('is told at most twenty problems', () => {
    const connections = Array.from({ length: 100 }, (_, i) => arrow('a', `gone${i}`))
    expect(problems({ nodes: { a: node }, connections })).toHaveLength(20)
  })
})

test('kinds ignore the suffix and the case', () => {
  expect(['HTTPRequest', 'HttpRequestNode'].map(kindOf)).toEqual(['httprequest', 'httprequest'])
})

test('problems make one sentence', () => {
  expect(problemText([{ path: 'a.b', message: 'x' }, { path: '', message: 'y' }])).toBe('a.b: x; y')
})

test('every workflow of the library is valid and described', async () => {
  const library = new URL('../../../workflows/library/', import.meta.url)
  const files = (await readdir(library)).filter((name) => name.endsWith('.json'))
  expect(files.length).toBeGreaterThanOrEqual(3)
  for (const file of files) {
    const read = parseDefinition(await readFile(new URL(file, library), 'utf8'))
    expect(read, file).toMatchObject({ definition: {} })
    if (!('definition' in read)) continue
    expect(read.definition.metadata.name, file).not.toBe('')
    expect(read.definition.metadata.description, file).not.toBe('')
    expect(Object.keys(read.definition.nodes), file).not.toContain(AUTO_START_ID)
  }
})
