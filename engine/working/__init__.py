"""What a process that works on deliveries is made of: room, hints, heartbeat, holds, attempts."""
