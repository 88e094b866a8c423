import { describe, expect, test } from 'vitest'
import type { DefinitionHash } from '../../core/base/ids.ts'
import {
  definitionNeeds,
  lackOf,
  type Repertoire,
  repertoireOf,
  runsDefinition,
  unreadable,
} from '../../core/protocol/repertoire.ts'
import { countWaiting } from '../../core/queue/queue.ts'
import { beat, bench, ids, job, join, messages, submit } from './bench.ts'

const graph = (...types: readonly (string | object)[]): string => {
  const nodes = types.map((type, at) => [`n${at}`, typeof type === 'string' ? { node_type: type } : type])
  return JSON.stringify({ nodes: Object.fromEntries(nodes) })
}

describe('what a definition asks for', () => {
  test.each<[string, string, string | null, string[]]>([
    ['a graph of nodes', graph('LogNode', 'Wait'), 'workflow', ['LogNode', 'Wait']],
    ['a type once, however it is written', graph('LogNode', 'log', 'LOGNode'), 'workflow', ['LogNode']],
    ['nothing for a node that is disabled', graph({ node_type: 'X', config: { _disabled: true } }), 'workflow', []],
    [
      'a type that is disabled in one place only',
      graph({ node_type: 'X', config: { _disabled: true } }, 'X'),
      'workflow',
      [
        'X',
      ],
    ],
    ['a node whose switch is not true', graph({ node_type: 'X', config: { _disabled: 'no' } }), 'workflow', ['X']],
    ['nodes that are none', '{"nodes":{"a":1,"b":null,"c":{},"d":{"node_type":5}}}', 'workflow', []],
    ['a graph that says so', '{"format":"workflow","nodes":{}}', 'workflow', []],
    ['a format of its own, whatever nodes it has', '{"format":"own","nodes":{"a":{"node_type":"X"}}}', 'own', []],
    ['a format that is no text', '{"format":1,"nodes":{}}', 'workflow', []],
    ['neither', '{}', null, []],
    ['a list of nodes', '{"nodes":[{"type":"X"}]}', null, []],
    ['no object', '[]', null, []],
    ['no JSON', '{', null, []],
    ['what Python writes', '{"nodes":{"a":{"node_type":"X","config":{"x":NaN}}}}', 'workflow', ['X']],
  ])('%s', (_, json, format, nodeTypes) => {
    expect(definitionNeeds(json)).toMatchObject({ format, nodeTypes })
  })

  test('is the same for the same types in another order', () => {
    expect(definitionNeeds(graph('B', 'A', 'b')).key).toBe(definitionNeeds(graph('ANode', 'B')).key)
    expect(definitionNeeds(graph('A')).key).not.toBe(definitionNeeds(graph('B')).key)
    expect(definitionNeeds('{"format":"a"}').key).not.toBe(definitionNeeds('{"format":"b"}').key)
  })
})

describe('what a robot runs', () => {
  const OWN = '{"format":"own"}'
  test.each<[string, object, string, object | null]>([
    ['everything, if it says nothing', { sap: true }, graph('X'), null],
    ['everything, if what it says is no list of texts', { workflows: 'w', formats: [1], node_types: {} }, OWN, null],
    ['a workflow by its id', { workflows: ['w'] }, OWN, null],
    ['no other', { workflows: ['v'] }, OWN, { missing_workflow: 'w' }],
    ['nothing, if its list is empty', { workflows: [] }, graph('X'), { missing_workflow: 'w' }],
    ['a format', { formats: ['own'] }, OWN, null],
    ['no other format', { formats: ['workflow'] }, OWN, { missing_format: 'own' }],
    ['no graph, if it has another format', { formats: ['own'] }, graph('X'), { missing_format: 'workflow' }],
    ['every graph', { formats: ['workflow'] }, graph('X'), null],
    ['graphs of its types', { node_types: ['x', 'YNode'] }, graph('XNode', 'Y'), null],
    ['none with another', { formats: ['workflow'], node_types: ['X'] }, graph('X', 'Y', 'Z'), {
      missing_node_types: ['Y', 'Z'],
    }],
    ['a workflow that it names, whatever it is made of', { workflows: ['w'], node_types: ['X'] }, graph('Y'), null],
    ['no definition without format', { formats: ['workflow', 'own'] }, '{}', { missing_format: null }],
    ['that too, if it names the workflow', { workflows: ['w'] }, '{}', null],
  ])('%s', (_, capabilities, json, lack) => {
    const repertoire = repertoireOf(capabilities as Record<string, unknown>)
    const workflow = repertoire?.workflows.has('w') === true ? 'w' : null
    expect(lackOf(repertoire, { workflow, definition: definitionNeeds(json) }, 'w')).toEqual(lack)
    expect(runsDefinition(repertoire, { workflow, definition: definitionNeeds(json) })).toBe(lack === null)
  })

  test('is not kept from it where nobody knows what it is', () => {
    expect(runsDefinition(repertoireOf({ workflows: [] }) as Repertoire, { workflow: null, definition: null })).toBe(
      true,
    )
  })

  test('must be lists of texts', () => {
    expect(unreadable({ workflows: ['a'], formats: 'a', node_types: ['a', 1], other: 1 })).toEqual([
      'formats',
      'node_types',
    ])
  })
})

describe('dispatch', () => {
  const own = (id: string) => ({
    workflow: {
      id: ids.workflow(id),
      name: id,
      definition: { hash: 'own' as DefinitionHash, json: '{"format":"own"}' },
    },
  })

  test('jobs with workflows of their own are one class, but for those that a robot names', () => {
    const fleet = bench()
    for (let i = 0; i < 1_000; i++) fleet.turn(submit(`j${i}`, own(`w${i}`)))
    const classes = () => [...fleet.state.matching.classes.values()].map(countWaiting).toSorted((a, b) => a - b)
    expect(classes()).toEqual([1_000])
    fleet.turn(...join('r', { slots: 1, capabilities: { workflows: ['w500', 'w501', 'elsewhere'] } }))
    expect(job(fleet, 'j500')).toMatchObject({ robot_id: 'r', status: 'queued' })
    expect(classes()).toEqual([1, 999 - 1])
    // Workflows that it does not name any more return to the common class.
    fleet.turn(...join('r', { slots: 0, socket: 'anew', capabilities: { workflows: ['w500'] } }))
    expect(classes()).toEqual([999])
    expect([...fleet.state.matching.namedWorkflows]).toEqual([['w500', 1]])
  })

  test('a workflow stays named as long as one robot names it, connected or not', () => {
    const fleet = bench()
    const names = { capabilities: { workflows: ['w'] } }
    fleet.turn(...join('a', { ...names, slots: 1 }), ...join('b', { ...names, slots: 2, tags: ['t'] }))
    expect([...fleet.state.matching.namedWorkflows]).toEqual([['w', 2]])
    fleet.turn({ type: 'socket.closed', socket: ids.socket('socket-a') }, ...join('b', { socket: 'anew' }))
    expect([...fleet.state.matching.namedWorkflows]).toEqual([['w', 1]])
    fleet.turn(...join('a', { socket: 'again' }))
    expect([...fleet.state.matching.namedWorkflows]).toEqual([])
  })

  test('two robots with handlers of their own get the jobs that are theirs, whatever comes first', () => {
    const fleet = bench()
    const [a, b] = ['a', 'b'].map((id) => ({ slots: 20, capabilities: { workflows: [`w-${id}`] } }))
    fleet.turn(...join('a', a), ...join('b', b), beat('a'), beat('b'))
    for (let i = 0; i < 10; i++) fleet.turn(submit(`a${i}`, own('w-a')), submit(`b${i}`, own('w-b')))
    for (let i = 0; i < 10; i++) {
      expect(job(fleet, `a${i}`).robot_id).toBe('a')
      expect(job(fleet, `b${i}`).robot_id).toBe('b')
    }
  })

  test('a robot that says it wrongly is told so', () => {
    const sent = bench().turn(...join('r', { capabilities: { formats: 'own', workflows: [] } }))
    expect(messages(sent, 'register_ack')[0]?.payload).toMatchObject({
      success: true,
      message: 'Registration successful; ignored, since it must be an array of strings: capabilities.formats',
    })
  })
})
