# How Muster's plugins for runners on Ruby report: one JSON object a line into the file or pipe of MUSTER_EVENTS.

require "json"

module Muster
  TEXT_CHARS_MAX = 32 << 10
  MESSAGE_CHARS_MAX = 4 << 10

  def self.take(name)
    ENV.delete(name)
  end

  # Writes events. Silent in a process that a test has forked off.
  class Reporter
    def initialize(place)
      @file = File.open(place, "ab")
      @file.sync = true
      @pid = Process.pid
      @items = 0
    end

    def send_event(event, **fields)
      @file.write(JSON.generate({event: event, **fields}) << "\n") if Process.pid == @pid
    rescue Errno::EPIPE
      exit!(70)
    end

    def hello(version)
      send_event("hello", version: version)
    end

    def item(name)
      @items += 1
      send_event("item", name: name)
    end

    def listed
      send_event("listed", count: @items)
    end

    def started(name)
      send_event("started", name: name)
    end

    def finished(name, outcome, seconds: nil, message: "", output: "")
      texts = {message: Muster.clean(message, MESSAGE_CHARS_MAX), output: Muster.clean(output, TEXT_CHARS_MAX)}
      send_event("finished", name: name, outcome: outcome, seconds: seconds, **texts)
    end

    def outside(message, output)
      texts = {message: Muster.clean(message, MESSAGE_CHARS_MAX), output: Muster.clean(output, TEXT_CHARS_MAX)}
      send_event("outside", **texts)
    end
  end

  def self.clean(text, chars_max)
    text = text.to_s.dup.force_encoding("UTF-8").scrub { |bytes| bytes.unpack("C*").map { |byte| format("\\x%02x", byte) }.join }
    text = text.gsub(/\e\[[0-9;]*m/, "")
    return text if text.length <= chars_max
    half = chars_max / 2
    "#{text[0, half]}\n[... #{text.length - 2 * half} characters left out ...]\n#{text[-half..]}"
  end

  # A name stands on one line: control characters are escaped.
  def self.readable(text)
    clean(text, 1 << 20).gsub(/[\u0000-\u001f\u007f]/) { |character| character.dump[1..-2] }
  end

  # Gives every name that comes again a number: `a`, `a [again 2]`.
  class Names
    def initialize
      @seen = Hash.new(0)
    end

    def next(name)
      name = Muster.readable(name)
      count = @seen[name] += 1
      count == 1 ? name : "#{name} [again #{count}]"
    end
  end

  # The wanted names, or nil to list.
  def self.read_tests
    place = take("MUSTER_TESTS")
    place && JSON.parse(File.read(place, encoding: "UTF-8")).to_h { |name| [name, true] }
  end

  EVENTS = Reporter.new(take("MUSTER_EVENTS"))
  WANTED = read_tests
  LOOKS_EVERYWHERE = !take("MUSTER_ALL").nil?
end
